import { describe, expect, it, vi } from 'vitest';
import { newAccount, newEmail, password } from '../support/worker/client.ts';
import { countOver, naughtyStrings } from '../support/worker/fuzz/naughty-strings.ts';
import { createPatientClient } from '../support/worker/fuzz/patient-client.ts';

const client = createPatientClient();

/** What the Fetch API lets a header have; the bytes that it does not are sent by test/stack/raw-http.test.ts. */
const sendable = naughtyStrings.filter((text) => /^[\t\x20-\x7e]*$/.test(text));
vi.setConfig({ testTimeout: 300_000 });

const asReceived = (text: string) => new Headers({ 'X-Text': text }).get('X-Text') ?? '';

const me = (headers: Record<string, string>) => client('GET', '/auth/me', { headers });

describe('every naughty string in a header', () => {
  it('is most of the list', () => {
    expect(sendable.length).toBeGreaterThan(250);
  });

  it('is stored exactly, as the user agent of a session', async () => {
    await countOver(sendable, async (text, address) => {
      const headers = { 'User-Agent': text, 'CF-Connecting-IP': address };
      const signup = await client('POST', '/auth/signup', { json: { email: newEmail(), password }, headers });
      expect(signup.status, text).toBe(201);
      const { access_token: bearer } = await signup.json<{ access_token: string }>();
      const sessions = await client('GET', '/auth/sessions', { bearer });
      const { items } = await sessions.json<{ items: { user_agent: string | null }[] }>();
      expect(items.map((item) => item.user_agent)).toEqual([asReceived(text) || null]);
    });
  });

  it('is no request id unless it is made of letters, digits, dots, dashes and underscores', async () => {
    await countOver(sendable, async (text, _address) => {
      const { headers } = await client('GET', '/healthz', { headers: { 'X-Request-ID': text } });
      const kept = /^[\w.-]{1,128}$/.test(asReceived(text));
      if (kept) expect(headers.get('X-Request-ID')).toBe(asReceived(text));
      else expect(headers.get('X-Request-ID'), text).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    });
  });

  it('is no origin that may read or write', async () => {
    await countOver(sendable, async (text, address) => {
      const headers = { Origin: text, 'CF-Connecting-IP': address };
      const response = await client('POST', '/auth/logout', { headers });
      expect(response.status, text).toBe(403);
      expect(response.headers.get('Access-Control-Allow-Origin')).toBeNull();
    });
  });

  it('is no credential', async () => {
    await countOver(sendable, async (text, address) => {
      for (const headers of [
        { Authorization: `Bearer ${text}` },
        { Cookie: text },
        { Cookie: `itsor_session=${text}` },
      ]) {
        const response = await me({ 'CF-Connecting-IP': address, ...headers });
        expect(response.status, text).toBe(401);
        expect(response.headers.get('WWW-Authenticate')).toMatch(/^Bearer/);
      }
    });
  });

  it('keeps no cookie from counting where it reads like another scheme, and replaces it otherwise', async () => {
    const { access_token } = await newAccount(client);
    const Cookie = `itsor_session=${access_token}`;
    const like = await countOver(sendable, async (text, address) => {
      const response = await me({ 'CF-Connecting-IP': address, Authorization: text, Cookie });
      const isLikeScheme = /^[\w-]+\s+\S/.test(asReceived(text));
      expect(response.status, text).toBe(isLikeScheme ? 200 : 401);
      return isLikeScheme;
    });
    expect(like).toBeGreaterThan(10);
  });

  it('is no address, no media type and no way around the method', async () => {
    await countOver(sendable, async (text, address) => {
      expect((await me({ 'CF-Connecting-IP': text })).status, text).toBe(401);
      const from = { 'CF-Connecting-IP': address };
      const override = { ...from, 'X-HTTP-Method-Override': text, 'X-Forwarded-Host': text, Accept: text };
      expect((await client('POST', '/auth/me', { headers: override })).status, text).toBe(405);
      const body = { body: '{}', headers: { ...from, 'Content-Type': text } };
      expect((await client('POST', '/auth/signup', body)).status, text).toBe(415);
    });
  });
});
