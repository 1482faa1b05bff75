import fc from 'fast-check';
import { expect, it } from 'vitest';
import { createClient, newAccount, newAddress } from '../support/worker/client.ts';
import { readOpenApi } from '../support/worker/fuzz/openapi.ts';
import { type GeneratedRequest, requestsOf } from '../support/worker/fuzz/requests.ts';
import { createResponseCheck } from '../support/worker/fuzz/responses.ts';
import { fillIn } from '../support/worker/fuzz/stand-ins.ts';
import { cheapHashes } from '../support/worker/raw-bodies.ts';

const requests = 20_000;
const inParallel = 10;
const batchesPerAccount = 20;

// A machine that is busy with other things is no failure of the service.
const patient = { REQUEST_TIMEOUT_MS: '60000', RATE_LIMIT_MAX: '1000' };
const client = createClient({ ...cheapHashes, ...patient });

const openAccount = async () => {
  const account = await newAccount(client);
  const sessions = await client('GET', '/auth/sessions', { bearer: account.access_token });
  const { items } = await sessions.json<{ items: { id: string }[] }>();
  return { account, sessionId: items[0]?.id ?? '' };
};

const createSender = () => {
  let opened = openAccount();
  let batches = 0;

  return async (batch: readonly GeneratedRequest[]): Promise<Response[]> => {
    if (++batches % batchesPerAccount === 0) opened = openAccount();
    const { account, sessionId } = await opened;
    const fill = (text: string) => fillIn(text, account, sessionId);
    const address = newAddress();
    return Promise.all(
      batch.map(({ method, target, headers, body }) => {
        const filled = Object.entries(headers).map(([name, value]) => [name, fill(value)]);
        return client(method, fill(target), {
          headers: { 'CF-Connecting-IP': address, ...Object.fromEntries(filled) },
          body: typeof body === 'string' ? fill(body) : body,
        });
      }),
    );
  };
};

it(`answers ${requests} requests drawn from its own description, none of them with a failure of its own`, async () => {
  const openApi = await readOpenApi(client);
  const check = createResponseCheck(openApi);
  const send = createSender();
  const seen = new Map<number, number>();

  await fc.assert(
    fc.asyncProperty(
      fc.array(requestsOf(openApi), { minLength: inParallel, maxLength: inParallel }),
      async (batch) => {
        const responses = await send(batch);
        for (const [index, response] of responses.entries()) {
          const request = batch[index] as GeneratedRequest;
          seen.set(response.status, (seen.get(response.status) ?? 0) + 1);
          await check(request, response).catch((error: Error) => {
            error.message += `\n${response.status} to ${JSON.stringify(request)}`;
            throw error;
          });
        }
      },
    ),
    // The failing request is named; smaller batches would not show more.
    { numRuns: requests / inParallel, endOnFailure: true },
  );
  console.log(Object.fromEntries([...seen].sort()));
  // Not by luck: the requests have got past the checks as well as into them.
  for (const status of [200, 201, 204, 400, 401, 403, 404, 405, 409, 413, 415, 422]) {
    expect(seen.get(status), `answers with ${status}`).toBeGreaterThan(10);
  }
}, 600_000);
