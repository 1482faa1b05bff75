import { randomInt } from 'node:crypto';

type Tokens = { readonly access_token: string; readonly refresh_token: string };

const password = 'correct horse battery staple';
/** After so many refreshes a client logs out and in again. */
const refreshesPerLogin = 5;

/** Clients that log in, refresh and call /auth/me without a pause, each request at any of the services in use. */
export const startClients = async (urls: readonly string[], count: number) => {
  let inUse = urls;
  let isStopping = false;
  const seen = { requests: 0, logins: 0, refreshes: 0, failures: [] as string[] };

  const send = async (method: string, path: string, init: { json?: object; bearer?: string } = {}) => {
    const url = inUse[randomInt(inUse.length)] ?? '';
    const response = await fetch(url + path, {
      method,
      headers: {
        ...(init.json && { 'Content-Type': 'application/json' }),
        ...(init.bearer !== undefined && { Authorization: `Bearer ${init.bearer}` }),
      },
      ...(init.json && { body: JSON.stringify(init.json) }),
    });
    const text = await response.text();
    seen.requests++;
    if (!response.ok) {
      const { code } = JSON.parse(text) as { code: string };
      seen.failures.push(`${method} ${path}: ${response.status} ${code}`);
      return null;
    }
    return JSON.parse(text) as Tokens;
  };

  const logIn = async (email: string): Promise<Tokens | null> => {
    seen.logins++;
    return send('POST', '/auth/token', { json: { email, password, scope: 'offline_access' } });
  };

  const use = async (email: string): Promise<void> => {
    let tokens = await logIn(email);
    for (let turn = 0; tokens && turn < refreshesPerLogin && !isStopping; turn++) {
      await send('GET', '/auth/me', { bearer: tokens.access_token });
      await send('GET', '/auth/sessions', { bearer: tokens.access_token });
      seen.refreshes++;
      tokens = await send('POST', '/auth/refresh', { json: { refresh_token: tokens.refresh_token } });
    }
  };

  const live = async (email: string): Promise<void> => {
    while (!isStopping) {
      await use(email).catch((error: Error) => seen.failures.push(error.message));
    }
  };

  const emails = Array.from({ length: count }, (_, at) => `client-${at}-${Date.now()}@example.com`);
  for (const email of emails) await send('POST', '/auth/signup', { json: { email, password } });
  const living = emails.map(live);

  return {
    useOnly: (others: readonly string[]): void => {
      inUse = others;
    },
    report: () => `${seen.requests} requests, ${seen.failures.length} failed`,
    stop: async () => {
      isStopping = true;
      await Promise.all(living);
      return seen;
    },
  };
};
