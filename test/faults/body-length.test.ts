import { describe, expect, it } from 'vitest';
import { createClient } from '../support/worker/client.ts';
import { expectProblem } from '../support/worker/problem.ts';
import { asJson, bytes, refresh, understood } from '../support/worker/raw-bodies.ts';

const inChunks = (...chunks: Uint8Array[]) =>
  new ReadableStream<Uint8Array>({
    start: (controller) => {
      for (const chunk of chunks) controller.enqueue(chunk);
      controller.close();
    },
  });

describe('the length of a body', () => {
  const ofLength = (length: number) => understood.padEnd(length, ' ');

  it('may be 65,536 bytes and not one more', async () => {
    await expectProblem(await refresh(ofLength(65_536)), 401, 'refresh_token_invalid');
    await expectProblem(await refresh(ofLength(65_537)), 413, 'payload_too_large');
  });

  it('is counted in bytes, not in characters', async () => {
    const member = (length: number) => `{"x":"${'é'.repeat(length)}"}`;
    await expectProblem(await refresh(member(32_764)), 422, 'validation_failed');
    await expectProblem(await refresh(member(32_765)), 413, 'payload_too_large');
  });

  it('is counted where it comes in chunks, of which a character may be in two', async () => {
    const [head, tail] = [bytes(understood.slice(0, 9)), bytes(understood.slice(9))];
    await expectProblem(await refresh(inChunks(head, tail)), 401, 'refresh_token_invalid');
    const email = bytes('{"x":"é"}');
    await expectProblem(await refresh(inChunks(email.slice(0, 7), email.slice(7))), 422, 'validation_failed');
    const halves = bytes(ofLength(65_537));
    await expectProblem(
      await refresh(inChunks(halves.slice(0, 65_536), halves.slice(65_536))),
      413,
      'payload_too_large',
    );
  });

  it.each(['0', '1', '65536', '99999999999', '-1', 'x'])(
    'is not what Content-Length: %s says',
    async (length) => {
      const headers = { ...asJson, 'Content-Length': length };
      await expectProblem(await refresh(inChunks(bytes(understood)), headers), 401, 'refresh_token_invalid');
      await expectProblem(
        await refresh(inChunks(bytes(ofLength(65_537))), headers),
        413,
        'payload_too_large',
      );
    },
  );

  it('does not make a refusal many times as long', async () => {
    const members = Array.from({ length: 7_000 }, (_, index) => `"${index}":0`);
    const response = await refresh(`{${members.join()}}`);
    expect(response.status).toBe(422);
    const text = await response.text();
    expect(text.length).toBeLessThan(16_384);
    expect(JSON.parse(text).errors).toHaveLength(100);
  });

  it('is never known where it breaks off: a 400, not a failure of ours', async () => {
    const broken = new ReadableStream({
      start: (controller) => controller.enqueue(bytes('{"refresh_token"')),
      pull: (controller) => controller.error(new TypeError('Network connection lost.')),
    });
    await expectProblem(await refresh(broken), 400, 'malformed_json');
  });

  it('does not keep a request longer than its time where it never comes', async () => {
    const hasty = createClient({ REQUEST_TIMEOUT_MS: '200' });
    const silent = new ReadableStream({ start: (controller) => controller.enqueue(bytes('{')) });
    const response = await hasty('POST', '/auth/refresh', { body: silent, headers: asJson });
    await expectProblem(response, 504, 'timeout');
  });
});
