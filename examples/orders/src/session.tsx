import type { Client } from '@itsor/hono-auth';
import { type Context, Hono } from 'hono';
import { deleteCookie, getCookie, setCookie } from 'hono/cookie';
import { type OrdersEnv, sessionCookie } from './env.ts';

/** The person behind a request. Itsor counts failed logins by this address, so it must be that of the person. */
const clientOf = (c: Context): Client => ({
  address: c.req.header('CF-Connecting-IP') ?? null,
  userAgent: c.req.header('User-Agent') ?? null,
});

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');

const LoginPage = ({ error }: { readonly error?: string }) => (
  <html lang="en">
    <head>
      <title>Log in</title>
    </head>
    <body>
      <h1>Log in</h1>
      {error && <p role="alert">{error}</p>}
      <form method="post" action="/login">
        <label>
          E-mail address <input name="identifier" autocomplete="username" required />
        </label>
        <label>
          Password <input name="password" type="password" autocomplete="current-password" required />
        </label>
        <button type="submit">Log in</button>
      </form>
    </body>
  </html>
);

/** An app whose pages are rendered by the server: the browser has one cookie, and never sees Itsor. */
export const sessionRoutes = new Hono<OrdersEnv>()
  .get('/login', (c) => c.html(<LoginPage />))
  .post('/login', async (c) => {
    const { identifier, password } = await c.req.parseBody();
    const credentials = { identifier: textOf(identifier), password: textOf(password) };
    const answer = await c.env.AUTH.login(credentials, clientOf(c));
    if (!answer.ok) {
      const { status, detail, retryAfterSeconds } = answer;
      if (retryAfterSeconds !== undefined) c.header('Retry-After', String(retryAfterSeconds));
      return c.html(<LoginPage error={detail} />, status as 401);
    }
    // The person logs in again when the token ends. To go on without, keep the refresh token and call AUTH.refresh.
    const { access_token: token, expires_in: maxAge } = answer.tokens;
    setCookie(c, sessionCookie, token, { httpOnly: true, secure: true, sameSite: 'Lax', path: '/', maxAge });
    return c.redirect('/', 303);
  })
  .post('/logout', async (c) => {
    const token = getCookie(c, sessionCookie);
    const answer = token === undefined ? null : await c.env.AUTH.logout(token, clientOf(c));
    // If Itsor could not end the session, the cookie stays, and the person can try again.
    if (answer && !answer.ok && answer.status >= 500) return c.text(answer.detail, 503);
    deleteCookie(c, sessionCookie, { secure: true, path: '/' });
    return c.redirect('/', 303);
  });
