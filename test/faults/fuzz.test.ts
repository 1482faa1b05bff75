import fc from 'fast-check';
import { expect, it } from 'vitest';
import { newAddress } from '../support/worker/client.ts';
import type { GeneratedRequest } from '../support/worker/fuzz/fields.ts';
import { readOpenApi } from '../support/worker/fuzz/openapi.ts';
import { createPatientClient } from '../support/worker/fuzz/patient-client.ts';
import { requestsOf } from '../support/worker/fuzz/requests.ts';
import { createResponseCheck } from '../support/worker/fuzz/responses.ts';
import { openHolder, sendAs } from '../support/worker/fuzz/send.ts';

const requests = 20_000;
const inParallel = 10;
const batchesPerAccount = 20;

const client = createPatientClient();

const createSender = () => {
  let holder = openHolder(client);
  let batches = 0;

  return async (batch: readonly GeneratedRequest[]): Promise<Response[]> => {
    if (++batches % batchesPerAccount === 0) holder = openHolder(client);
    const [account, address] = [await holder, newAddress()];
    return Promise.all(batch.map((request) => sendAs(client, account, address, request)));
  };
};

it(`answers ${requests} requests drawn from its own description, and none with a failure of its own`, async () => {
  const openApi = await readOpenApi(client);
  const check = createResponseCheck(openApi);
  const send = createSender();
  const answers = new Map<number, number>();
  const batch = fc.array(requestsOf(openApi), { minLength: inParallel, maxLength: inParallel });

  const answersWell = fc.asyncProperty(batch, async (generated) => {
    const responses = await send(generated);
    for (const [index, response] of responses.entries()) {
      const request = generated[index] as GeneratedRequest;
      answers.set(response.status, (answers.get(response.status) ?? 0) + 1);
      await check(request, response).catch((error: Error) => {
        error.message += `\n${response.status} to ${JSON.stringify(request)}`;
        throw error;
      });
    }
  });
  // The seed is in the report of a failure, and the request is named: a smaller batch would not show more.
  await fc.assert(answersWell, { numRuns: requests / inParallel, endOnFailure: true });

  // The requests have got past the checks as well as into each of them.
  for (const status of [200, 201, 204, 400, 401, 403, 404, 405, 409, 413, 415, 422]) {
    expect(answers.get(status) ?? 0, `answers with ${status}`).toBeGreaterThan(requests / 1000);
  }
}, 1_500_000);
