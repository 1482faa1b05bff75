import { describe, expect, it, vi } from 'vitest';
import { canonicalEmail, canonicalName, typedEmail } from '../../src/platform/rules/typed-text.ts';
import { newEmail, password } from '../support/worker/client.ts';
import { sql } from '../support/worker/database.ts';
import { fieldsOf } from '../support/worker/fuzz/fields.ts';
import { countOver, naughtyStrings } from '../support/worker/fuzz/naughty-strings.ts';
import { readOpenApi } from '../support/worker/fuzz/openapi.ts';
import { createPatientClient } from '../support/worker/fuzz/patient-client.ts';
import { createResponseCheck } from '../support/worker/fuzz/responses.ts';
import { openHolder, sendAs } from '../support/worker/fuzz/send.ts';

const client = createPatientClient();
const openApi = await readOpenApi(client);
const check = createResponseCheck(openApi);
vi.setConfig({ testTimeout: 300_000 });

const from = (address: string) => ({ 'CF-Connecting-IP': address });
const signUp = (members: object, address: string) =>
  client('POST', '/auth/signup', {
    json: { email: newEmail(), password, ...members },
    headers: from(address),
  });
const tokensOf = async (response: Response) =>
  response.json<{ access_token: string; user: { email: string } }>();

// First, while no user name of them is taken.
describe('an accepted naughty string is kept exactly', () => {
  it('as a user name', async () => {
    // Other tests draw from the same strings, and a name is given once.
    await sql`delete from users where username = any(${naughtyStrings.map(canonicalName)})`;
    const accepted = await countOver(naughtyStrings, async (username, address) => {
      const response = await signUp({ username }, address);
      if (response.status !== 201) return false;
      const { access_token: bearer } = await tokensOf(response);
      expect(await (await client('GET', '/auth/me', { bearer })).json()).toMatchObject({
        username: canonicalName(username),
      });
      return true;
    });
    expect(accepted).toBeGreaterThan(5);
  });

  it('as the local part of an e-mail address', async () => {
    const accepted = await countOver(naughtyStrings, async (text, address) => {
      const email = `${text}@${crypto.randomUUID()}.example`;
      const response = await signUp({ email }, address);
      if (response.status !== 201) return false;
      const { access_token: bearer } = await tokensOf(response);
      const me = await client('GET', '/auth/me', { bearer });
      expect(await me.json()).toMatchObject({ email: canonicalEmail(typedEmail(email)) });
      return true;
    });
    expect(accepted).toBeGreaterThan(20);
  });

  it('as a password, which then opens the account and no other spelling of it does', async () => {
    const accepted = await countOver(naughtyStrings, async (text, address) => {
      const headers = from(address);
      const response = await signUp({ password: text }, address);
      if (response.status !== 201) return false;
      const { email } = (await tokensOf(response)).user;
      const logIn = (guess: string) =>
        client('POST', '/auth/token', { json: { email, password: guess }, headers });
      const form = { grant_type: 'password', username: email, password: text };
      expect((await logIn(text)).status, text).toBe(200);
      expect((await client('POST', '/auth/token', { form, headers })).status, text).toBe(200);
      expect((await logIn(`${text} `)).status, text).toBe(401);
      return true;
    });
    expect(accepted).toBeGreaterThan(200);
  });
});

describe('every naughty string gets a clear answer', () => {
  it.each(fieldsOf(openApi).map((field) => [field.name, field] as const))('as %s', async (_, field) => {
    const holder = await openHolder(client);
    const send = async (text: string, address: string) => {
      const request = field.requestWith(text);
      await check(request, await sendAs(client, holder, address, request)).catch((error: Error) => {
        error.message += `\nfor ${JSON.stringify(text)}`;
        throw error;
      });
    };
    // Four hashes of one account may wait behind its session; a fifth is refused as overload.
    await countOver(naughtyStrings, send, 4);
  });

  it.each(['POST /auth/signup', 'POST /auth/token', 'POST /auth/refresh'])(
    'as the body of %s',
    async (endpoint) => {
      const target = endpoint.slice('POST '.length);

      await countOver(naughtyStrings, async (text, address) => {
        for (const body of [
          text,
          JSON.stringify(text),
          JSON.stringify({ [text]: text }),
          JSON.stringify([text]),
        ]) {
          const headers = { 'Content-Type': 'application/json', ...from(address) };
          const response = await client('POST', target, { body, headers });
          // Blanks and null are no body, and a refresh without one has no token.
          const isNone = /^\s*(?:null\s*)?$/.test(body) && endpoint === 'POST /auth/refresh';
          expect(isNone ? [401] : [400, 422], text).toContain(response.status);
          await check({ endpoint, method: 'POST', target, headers, body }, response);
        }
        return true;
      });
    },
  );

  it('as a path, and as the name of a parameter', async () => {
    await countOver(naughtyStrings, async (text, address) => {
      const name = encodeURIComponent(text);
      const headers = from(address);
      // The URL of a dot is that of nothing: both lead to the route, with a slash too many.
      expect((await client('GET', `/auth/me/${name}`, { headers })).status).toBe(
        ['', '.'].includes(text) ? 308 : 404,
      );
      expect((await client('POST', `/auth/logout?${name}=x`, { headers })).status).toBe(
        // Clients add `_` so that no cache answers.
        ['', '_'].includes(text) ? 204 : 422,
      );
      return true;
    });
  });
});
