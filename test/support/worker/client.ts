import { createExecutionContext, env, waitOnExecutionContext } from 'cloudflare:test';
import type { Bindings } from '../../../src/container.ts';
import worker from '../../../src/index.ts';

type Init = {
  readonly json?: unknown;
  readonly form?: Record<string, string>;
  readonly bearer?: string;
  readonly cookies?: Record<string, string>;
  readonly headers?: Record<string, string>;
  readonly body?: BodyInit | null;
};

const origin = 'http://localhost:3002';
/** A client address that no other test has used, so that the limits of one test do not reach the next. */
export const newAddress = (): string => {
  const groups = Array.from(crypto.getRandomValues(new Uint16Array(2)), (group) => group.toString(16));
  return `2001:db8:${groups.join(':')}::1`;
};

/** A queue that delivers nothing: no delivery of a test's own mails runs beside what it counts. */
export const silentQueue = { sendBatch: async () => {} } as never;

/** An app with some variables of its own; without any it is the one that the test run configures. */
export const createClient = (variables: Record<string, string> = {}, address = newAddress()) => {
  const bindings = { ...env, ...variables } as Bindings;

  return async (method: string, path: string, init: Init = {}): Promise<Response> => {
    const headers = new Headers({ 'CF-Connecting-IP': address, ...init.headers });
    if (init.json !== undefined) headers.set('Content-Type', 'application/json');
    if (init.form) headers.set('Content-Type', 'application/x-www-form-urlencoded');
    if (init.bearer) headers.set('Authorization', `Bearer ${init.bearer}`);
    if (init.cookies) {
      headers.set(
        'Cookie',
        Object.entries(init.cookies)
          .map(([name, value]) => `${name}=${value}`)
          .join('; '),
      );
    }
    const body =
      init.json !== undefined
        ? JSON.stringify(init.json)
        : init.form
          ? new URLSearchParams(init.form)
          : init.body;
    const execution = createExecutionContext();
    const request = new Request(new URL(path, origin), { method, headers, body: body ?? null });
    const response = await worker.fetch(request as Parameters<typeof worker.fetch>[0], bindings, execution);
    await waitOnExecutionContext(execution);
    return response;
  };
};

export type Client = ReturnType<typeof createClient>;

export type Tokens = {
  access_token: string;
  refresh_token?: string;
  user: {
    id: string;
    email: string;
    email_verified: boolean;
    roles: string[];
    password_changed_at: string | null;
  };
} & Record<string, unknown>;

/** The cookies that a response sets, by name, with their attributes. */
export const cookiesOf = (response: Response): Map<string, { value: string; attributes: string[] }> =>
  new Map(
    response.headers.getSetCookie().map((line) => {
      const [pair = '', ...attributes] = line.split('; ');
      const at = pair.indexOf('=');
      return [pair.slice(0, at), { value: pair.slice(at + 1), attributes }];
    }),
  );

/** A client that keeps cookies, as the browser of one person does. */
export const createBrowser = (client: Client): Client => {
  const jar = new Map<string, string>();
  return async (method, path, init = {}) => {
    const response = await client(method, path, {
      ...init,
      cookies: { ...Object.fromEntries(jar), ...init.cookies },
    });
    for (const [name, { value, attributes }] of cookiesOf(response)) {
      if (attributes.includes('Max-Age=0')) jar.delete(name);
      else jar.set(name, value);
    }
    return response;
  };
};

export const password = 'correct horse battery staple';

let lastAccount = 0;
export const newEmail = (): string =>
  `account-${crypto.randomUUID().slice(0, 8)}-${++lastAccount}@example.com`;

/** Signs up a new account and logs it in as a client with `offline_access`. */
export const newAccount = async (client: Client, email = newEmail()): Promise<Required<Tokens>> => {
  const signup = await client('POST', '/auth/signup', { json: { email, password } });
  if (signup.status !== 201) throw new Error(`sign-up failed: ${signup.status} ${await signup.text()}`);
  const login = await client('POST', '/auth/token', { json: { email, password, scope: 'offline_access' } });
  return login.json();
};
