import { describe, expect, it } from 'vitest';
import { createClient, newAccount, newAddress, newEmail, password } from '../support/worker/client.ts';
import { fieldsOf, type NaughtyField } from '../support/worker/fuzz/fields.ts';
import { naughtyStrings } from '../support/worker/fuzz/naughty-strings.ts';
import { readOpenApi } from '../support/worker/fuzz/openapi.ts';
import type { GeneratedRequest } from '../support/worker/fuzz/requests.ts';
import { createResponseCheck } from '../support/worker/fuzz/responses.ts';
import { fillIn } from '../support/worker/fuzz/stand-ins.ts';
import { cheapHashes } from '../support/worker/raw-bodies.ts';

const client = createClient({ ...cheapHashes, RATE_LIMIT_MAX: '1000', REQUEST_TIMEOUT_MS: '60000' });
const openApi = await readOpenApi(client);
const check = createResponseCheck(openApi);
const inParallel = 10;

const send = async ({ method, target, headers, body }: GeneratedRequest, address: string): Promise<Response> =>
  client(method, target, { headers: { 'CF-Connecting-IP': address, ...headers }, body });

/** One request for each string, some at a time, each from an address of its own. */
const withEachString = async (work: (text: string, address: string) => Promise<void>) => {
  for (let first = 0; first < naughtyStrings.length; first += inParallel) {
    const address = newAddress();
    await Promise.all(naughtyStrings.slice(first, first + inParallel).map((text) => work(text, address)));
  }
};

describe('no string of the naughty list is too much', () => {
  const fields = fieldsOf(openApi);

  it('for as many fields as there are routes that take any', () => {
    expect(fields.length).toBeGreaterThan(20);
  });
});
