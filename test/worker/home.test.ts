import { expect, it } from 'vitest';
import { createClient } from '../support/worker/client.ts';
import { withoutScanner } from '../support/worker/uploads.ts';

it('the bare host of a local service is a page with the links that npm run dev prints', async () => {
  const response = await createClient()('GET', '/');
  expect(response.status).toBe(200);
  expect(response.headers.get('Content-Type')).toMatch(/^text\/html/);
  const html = await response.text();
  expect([...html.matchAll(/<a href="([^"]+)"/g)].map(([, path]) => path)).toEqual([
    '/docs',
    '/account',
    '/dev/mailbox',
    '/readyz',
  ]);
});

it('the page has no link to a page that is not there', async () => {
  const sending = { RESEND_API_KEY: 're_1', FROM_EMAIL: 'a@example.com' };
  const html = await (await createClient({ JWT_TOKEN_LOCATION: 'headers', ...sending })('GET', '/')).text();
  expect([...html.matchAll(/<a href="([^"]+)"/g)].map(([, path]) => path)).toEqual(['/docs', '/readyz']);
});

it('the bare host of a strict service leads to the account page, and tells nothing else', async () => {
  const response = await createClient(withoutScanner)('GET', 'https://auth.example.com/');
  expect([response.status, response.headers.get('Location')]).toEqual([302, '/account']);
  expect(await response.text()).toBe('');
});

it('a strict service without pages has none at its bare host', async () => {
  const client = createClient({ ...withoutScanner, JWT_TOKEN_LOCATION: 'headers' });
  expect((await client('GET', 'https://auth.example.com/')).status).toBe(404);
});
