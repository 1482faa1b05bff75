import { randomInt } from 'node:crypto';
import { createClient, type Request } from './client.ts';

type Tokens = { readonly access_token: string; readonly refresh_token: string };

const password = 'correct horse battery staple';
/** After so many refreshes a client logs out and in again. */
const refreshesPerLogin = 5;

/** Clients that log in, refresh and call /auth/me without a pause, each request at any of the services in use. */
export const startClients = async (urls: readonly string[], count: number) => {
  let inUse = urls;
  let isStopping = false;
  const seen = { requests: 0, logins: 0, refreshes: 0, failures: [] as string[] };

  const send = async (method: string, path: string, request: Request) => {
    const { status, code, body } = await createClient(inUse[randomInt(inUse.length)] ?? '')(
      method,
      path,
      request,
    );
    seen.requests++;
    if (status < 300) return body as Tokens;
    seen.failures.push(`${method} ${path}: ${status} ${code}`);
    return null;
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
