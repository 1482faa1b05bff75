import { describe, expect, it } from 'vitest';
import { newAccount } from '../support/worker/client.ts';
import { sql } from '../support/worker/database.ts';
import { expectProblem } from '../support/worker/problem.ts';
import {
  createUploader,
  declarationOf,
  pdf,
  uploadFile,
  usageOf,
  workOn,
} from '../support/worker/uploads.ts';

const declareAtOnce = async (client: ReturnType<typeof createUploader>, bearer: string, count: number) => {
  const json = await declarationOf(pdf);
  const responses = await Promise.all(
    Array.from({ length: count }, () => client('POST', '/uploads', { bearer, json })),
  );
  return responses.map(({ status }) => status).toSorted();
};
const times = (status: number, count: number) => Array.from({ length: count }, () => status);

describe('the quota of an account', () => {
  it.each([
    ['files', { UPLOAD_MAX_FILES_PER_USER: '5' }],
    ['bytes', { UPLOAD_MAX_BYTES: '100', UPLOAD_MAX_TOTAL_BYTES_PER_USER: String(pdf.byteLength * 5 + 3) }],
    // Proves ASVS 5.2.4.
  ])('20 parallel uploads do not exceed the quota of %s', async (_, limits) => {
    const client = createUploader(limits);
    const { access_token: bearer, user } = await newAccount(client);
    expect(await declareAtOnce(client, bearer, 20)).toEqual([...times(201, 5), ...times(409, 15)]);
    expect(await usageOf(user.id)).toEqual({ files: 5, bytes: String(pdf.byteLength * 5) });
    expect(await sql`select count(*)::int as count from uploads where user_id = ${user.id}`).toEqual([
      { count: 5 },
    ]);
  });

  it('each account has its own quota, and a deletion frees a place', async () => {
    const client = createUploader({ UPLOAD_MAX_FILES_PER_USER: '2' });
    const { access_token: bearer } = await newAccount(client);
    const id = await uploadFile(client, bearer);
    await workOn(id);
    await uploadFile(client, bearer);
    const refused = await client('POST', '/uploads', { bearer, json: await declarationOf(pdf) });
    await expectProblem(refused, 409, 'upload_quota_exceeded');
    const { access_token: other } = await newAccount(client);
    expect(await declareAtOnce(client, other, 1)).toEqual([201]);
    // Two parallel deletions free one place.
    const deletions = await Promise.all(
      times(0, 2).map(() => client('DELETE', `/uploads/${id}`, { bearer })),
    );
    expect(deletions.map(({ status }) => status).toSorted()).toEqual([204, 404]);
    expect(await declareAtOnce(client, bearer, 3)).toEqual([201, 409, 409]);
  });

  it('uploads have a rate limit of their own', async () => {
    const client = createUploader({ RATE_LIMIT_MAX: '10' });
    const { access_token: bearer } = await newAccount(client);
    expect(await declareAtOnce(client, bearer, 8)).toEqual([...times(201, 6), ...times(429, 2)]);
  });
});
