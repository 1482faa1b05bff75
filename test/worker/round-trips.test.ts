import { env } from 'cloudflare:test';
import { describe, expect, it } from 'vitest';
import type { Permission } from '../../src/platform/rules/permissions.ts';
import { newAccountAllowed } from '../support/worker/administrators.ts';
import { createClient, newAccount, newEmail, password, silentQueue } from '../support/worker/client.ts';
import { countRoundTrips, sql } from '../support/worker/database.ts';
import {
  comeBack,
  createProvider,
  newPerson,
  setOut,
  signOn,
  withProvider,
} from '../support/worker/identity-provider.ts';
import { introspect, orders, tokensFor, withServices } from '../support/worker/introspection.ts';
import { codeIn, tokenIn } from '../support/worker/mail.ts';
import { operations } from '../support/worker/routes.ts';
import { guardduty, strayScanResult } from '../support/worker/scan-result.ts';
import { declarationOf, declare, pdf, put, workOn } from '../support/worker/uploads.ts';

/** The namespace, with the calls of its objects' methods counted. */
const counted = (namespace: DurableObjectNamespace, count: { calls: number }) => ({
  getByName: (name: string) => {
    const stub = namespace.getByName(name) as unknown as Record<string, (...args: unknown[]) => unknown>;
    const call =
      (method: string) =>
      (...args: unknown[]) => {
        count.calls++;
        return stub[method]?.(...args);
      };
    const methods = [
      'reserve',
      'settle',
      'forgive',
      'hit',
      'giveBack',
      'trust',
      'ask',
      'fill',
      'forget',
      'set',
    ];
    return Object.fromEntries(methods.map((method) => [method, call(method)]));
  },
});

const objects = { calls: 0 };
const counting = {
  LOGIN_GUARD: counted(env.LOGIN_GUARD as never, objects) as never,
  RATE_LIMITER: counted(env.RATE_LIMITER as never, objects) as never,
  SESSION_GATE: counted(env.SESSION_GATE as never, objects) as never,
  AGENDA: counted(env.AGENDA as never, objects) as never,
  RATE_LIMIT_MAX: '1000',
  // What ran meanwhile would be counted too.
  MAIL_QUEUE: silentQueue,
  UPLOAD_QUEUE: silentQueue,
};
const client = createClient(counting);
const provider = createProvider();
const withAcme = createClient({ ...withProvider, ...counting });
const asked = createClient({ ...withServices, ...counting });

type Budget = { db: number; objects: number };

/**
 * A request, its cost, and what has to be done before it is counted. `described`: the cost is the budget in the
 * description of the route; a variant of a request has a cost of its own.
 */
type Case = [
  request: string,
  budget: Budget | typeof described,
  prepare: () => Promise<() => Promise<Response>>,
];
const described = 'described';

/** The key of the first route that the request reaches, as the app matches it. */
const keyOf = (request: string): string => {
  const [method = '', url = ''] = request.split(' ');
  const path = url.split(/[?,]/)[0] ?? '';
  const isMatch = (key: string) =>
    new RegExp(`^${key.replaceAll(/\{\w+\}/g, '[^/]+')}$`).test(`${method} ${path}`);
  return Object.keys(operations).find(isMatch) ?? '';
};

const budgetOf = (request: string): Budget | undefined => {
  const budget = operations[keyOf(request)]?.budget;
  return budget && { db: budget.trips, objects: budget.objects };
};

describe('database round trips and Durable Object calls, as the contract budgets them', () => {
  const cases: readonly Case[] = [
    [
      'POST /auth/signup',
      described,
      async () => () => client('POST', '/auth/signup', { json: { email: newEmail(), password } }),
    ],
    [
      // Two before the response (limiter, reserve); the third settles the attempt after it.
      'POST /auth/token',
      described,
      async () => {
        const { email } = (await newAccount(client)).user;
        return () => client('POST', '/auth/token', { json: { email, password } });
      },
    ],
    [
      'POST /auth/refresh',
      described,
      async () => {
        const { refresh_token } = await newAccount(client);
        return () => client('POST', '/auth/refresh', { json: { refresh_token } });
      },
    ],
    ...(
      [
        ['POST', '/auth/logout'],
        ['GET', '/auth/sessions'],
        ['DELETE', `/auth/sessions/${crypto.randomUUID()}`],
      ] as const
    ).map(
      ([method, path]): Case => [
        `${method} ${path}`,
        described,
        async () => {
          const { access_token: bearer } = await newAccount(client);
          return () => client(method, path, { bearer });
        },
      ],
    ),
    ...(
      [
        ['GET', '/users', 'users:read'],
        ['GET', '/users?q=a', 'users:read'],
        ['GET', '/users/{id}', 'users:read'],
        ['POST', '/users', 'users:write', { email: newEmail() }],
        ['PATCH', '/users/{id}', 'users:write', { must_change_password: true }],
        ['DELETE', '/users/{id}', 'users:write'],
        ['DELETE', '/users/{id}/sessions', 'sessions:revoke'],
        ['GET', '/users/{id}/uploads', 'uploads:read'],
        ['GET', '/roles', 'roles:read'],
        ['GET', '/roles/user', 'roles:read'],
        ['PUT', '/roles/counted', 'roles:write', { permissions: [] }],
        ['DELETE', '/roles/counted', 'roles:write'],
        ['GET', '/permissions', 'roles:read'],
        ['GET', '/audit', 'audit:read'],
        ['GET', '/audit?user_id={id}&type=login.failed', 'audit:read'],
      ] as [string, string, Permission, object?][]
    ).map(
      ([method, path, permission, json]): Case => [
        `${method} ${path}`,
        described,
        async () => {
          const { user } = await newAccount(client);
          const { access_token: bearer } = await newAccountAllowed(client, permission);
          return () => client(method, path.replace('{id}', user.id), { bearer, json });
        },
      ],
    ),
    ...(
      [
        ['POST', '/uploads'],
        ['GET', '/uploads'],
        ['GET', '/uploads/limits'],
        ['GET', '/uploads/{id}'],
        ['PUT', '/uploads/{id}/content'],
        ['GET', '/uploads/{id}/download'],
        ['DELETE', '/uploads/{id}'],
      ] as const
    ).map(
      ([method, path]): Case => [
        `${method} ${path}`,
        described,
        async () => {
          const { access_token: bearer } = await newAccount(client);
          const isPut = path.endsWith('/content');
          const ticket = await declare(client, bearer);
          if (isPut) return () => put(client, ticket);
          await put(client, ticket);
          if (path.endsWith('/download')) {
            await client('POST', `/uploads/${ticket.id}/complete`, { bearer });
            await workOn(ticket.id);
          }
          const json =
            path === '/uploads' && method === 'POST'
              ? await declarationOf(pdf, { filename: 'another.pdf' })
              : undefined;
          return () => client(method, path.replace('{id}', ticket.id), { bearer, json });
        },
      ],
    ),
    [
      // The row is read before the bucket is asked, and confirmed when the bytes are there.
      'POST /uploads/{id}/complete',
      described,
      async () => {
        const { access_token: bearer } = await newAccount(client);
        const ticket = await declare(client, bearer);
        await put(client, ticket);
        return () => client('POST', `/uploads/${ticket.id}/complete`, { bearer });
      },
    ],
    ...(['asked again', "of somebody else's file"] as const).map(
      (which): Case => [
        `POST /uploads/{id}/complete, ${which}`,
        // The file waits for its scan, so it is handed to the queue again, and the agenda learns of it.
        { db: 1, objects: which === 'asked again' ? 2 : 1 },
        async () => {
          const { access_token: bearer } = await newAccount(client);
          const ticket = await declare(client, bearer);
          await put(client, ticket);
          const path = `/uploads/${ticket.id}/complete`;
          if (which === 'asked again') await client('POST', path, { bearer });
          const { access_token: stranger } = await newAccount(client);
          return () => client('POST', path, { bearer: which === 'asked again' ? bearer : stranger });
        },
      ],
    ),
    ['GET /auth/oauth/{provider}', described, async () => () => withAcme('GET', '/auth/oauth/acme')],
    ...(['a new identity', 'a known one', 'one whose address has an account'] as const).map(
      (whose): Case => [
        `GET /auth/oauth/{provider}/callback with ${whose}`,
        // A mail tells the owner of an address with an account, and the agenda learns of it.
        { db: 1, objects: whose === 'one whose address has an account' ? 2 : 1 },
        async () => {
          const person = newPerson();
          if (whose === 'a known one') await signOn(withAcme, provider, person);
          if (whose === 'one whose address has an account') {
            const { user } = await newAccount(client);
            await sql`update users set email = ${person.email}, email_verified_at = now() where id = ${user.id}`;
          }
          const { location, sealed } = await setOut(withAcme);
          return () => comeBack(withAcme, provider.consent(location, person), sealed);
        },
      ],
    ),
    ...(
      [
        ['GET', '/users/me/identities'],
        ['DELETE', '/users/me/identities/{id}'],
      ] as const
    ).map(
      ([method, path]): Case => [
        `${method} ${path}`,
        described,
        async () => {
          const { access_token: bearer } = await newAccount(client);
          return () => client(method, path.replace('{id}', crypto.randomUUID()), { bearer });
        },
      ],
    ),
    [
      'POST /webhooks/scan-result',
      described,
      async () => {
        const webhook = createClient({ ...counting, ...guardduty });
        const headers = { 'X-Scan-Callback-Secret': guardduty.SCAN_CALLBACK_SECRET };
        return () => webhook('POST', '/webhooks/scan-result', { json: strayScanResult, headers });
      },
    ],
    [
      'PATCH /users/me',
      described,
      async () => {
        const { access_token: bearer } = await newAccount(client);
        return () => client('PATCH', '/users/me', { bearer, json: { username: null } });
      },
    ],
    [
      'GET /users/me/export',
      described,
      async () => {
        const { access_token: bearer } = await newAccount(client);
        return () => client('GET', '/users/me/export', { bearer });
      },
    ],
    [
      // The password is read and proved first: limiter, the account's budget beside reserve, and settle after the response.
      'DELETE /users/me',
      described,
      async () => {
        const { access_token: bearer } = await newAccount(client);
        return () => client('DELETE', '/users/me', { bearer, json: { password } });
      },
    ],
    [
      // The agenda learns of the mail that tells the owner.
      'POST /auth/token from a network that is new',
      { db: 2, objects: 4 },
      async () => {
        const { email } = (await newAccount(client)).user;
        const elsewhere = createClient(counting);
        return () => elsewhere('POST', '/auth/token', { json: { email, password } });
      },
    ],
    [
      // The session that the browser had ends after the response.
      'POST /auth/token in a browser that has a session',
      { db: 3, objects: 4 },
      async () => {
        const { user, access_token } = await newAccount(client);
        const init = { json: { email: user.email, password }, cookies: { itsor_session: access_token } };
        return () => client('POST', '/auth/token', init);
      },
    ],
    [
      // One read before the response; the audit event of the failure comes after it.
      'POST /auth/token with a wrong password',
      { db: 2, objects: 3 },
      async () => {
        const { email } = (await newAccount(client)).user;
        return () => client('POST', '/auth/token', { json: { email, password: 'not the password' } });
      },
    ],
    [
      // Limiter, session gate, and after the response the failures that are forgiven.
      'POST /auth/email/verify by a link',
      { db: 1, objects: 3 },
      async () => {
        const { email } = (await newAccount(client)).user;
        const token = await tokenIn(email, 'verify_email', 'verify_email');
        return () => client('POST', '/auth/email/verify', { json: { token } });
      },
    ],
    [
      // The guess is reserved too, and settled after the response.
      'POST /auth/email/verify by a code',
      { db: 1, objects: 5 },
      async () => {
        const { email } = (await newAccount(client)).user;
        const code = await codeIn(email);
        return () => client('POST', '/auth/email/verify', { json: { email, code } });
      },
    ],
    ...(['/auth/me', '/users/me'] as const).flatMap((path): Case[] => [
      [
        `GET ${path}`,
        described,
        async () => {
          const { access_token: bearer } = await newAccount(client);
          await client('GET', path, { bearer });
          return () => client('GET', path, { bearer });
        },
      ],
      [
        // The gate does not know the session yet, and is told after the response.
        `GET ${path}, for the first time`,
        { db: 1, objects: 2 },
        async () => {
          const { access_token: bearer } = await newAccount(client);
          return () => client('GET', path, { bearer });
        },
      ],
    ]),
    [
      // What turns out to be nobody's is taken off the person's count, and counts for the network.
      'GET /auth/me with a session that has ended',
      { db: 1, objects: 3 },
      async () => {
        const { access_token: bearer } = await newAccount(client);
        await client('POST', '/auth/logout', { bearer });
        return () => client('GET', '/auth/me', { bearer });
      },
    ],
    [
      'GET /auth/me with a session that is known to have ended',
      { db: 1, objects: 1 },
      async () => {
        const { access_token: bearer } = await newAccount(client);
        await client('POST', '/auth/logout', { bearer });
        await client('GET', '/auth/me', { bearer });
        return () => client('GET', '/auth/me', { bearer });
      },
    ],
    [
      'POST /auth/revoke',
      described,
      async () => {
        const { access_token: token } = await newAccount(client);
        return () => client('POST', '/auth/revoke', { form: { token } });
      },
    ],
    [
      'POST /auth/introspect',
      described,
      async () => {
        const { user } = await newAccount(asked);
        const { access_token: token } = await tokensFor(asked, orders, user.email, password);
        await introspect(asked, token);
        return () => introspect(asked, token);
      },
    ],
    [
      // The gate does not know the session yet, and is told after the response.
      'POST /auth/introspect, for the first time',
      { db: 1, objects: 2 },
      async () => {
        const { user } = await newAccount(asked);
        const { access_token: token } = await tokensFor(asked, orders, user.email, password);
        return () => introspect(asked, token);
      },
    ],
    [
      // Neither the gate nor the database is asked about a token that is meant for another service; no limit counts it.
      "POST /auth/introspect about another service's token",
      { db: 0, objects: 0 },
      async () => {
        const { user } = await newAccount(asked);
        const { access_token: token } = await tokensFor(asked, orders, user.email, password);
        return () => introspect(asked, token, 'billing');
      },
    ],
    [
      'POST /auth/logout without a session',
      { db: 0, objects: 1 },
      async () => () => client('POST', '/auth/logout'),
    ],
    [
      'POST /auth/password',
      described,
      async () => {
        const { access_token: bearer } = await newAccount(client);
        const json = { current_password: password, new_password: 'another battery staple horse' };
        return () => client('POST', '/auth/password', { bearer, json });
      },
    ],
    [
      'POST /auth/password/forgot',
      described,
      async () => {
        const { email } = (await newAccount(client)).user;
        return () => client('POST', '/auth/password/forgot', { json: { email } });
      },
    ],
    [
      'POST /auth/password/reset',
      described,
      async () => {
        const { email } = (await newAccount(client)).user;
        await client('POST', '/auth/password/forgot', { json: { email } });
        const token = await tokenIn(email, 'reset_password', 'reset_password');
        const json = { token, password: 'another battery staple horse' };
        return () => client('POST', '/auth/password/reset', { json });
      },
    ],
    [
      'POST /auth/email/resend',
      described,
      async () => {
        const { email } = (await newAccount(client)).user;
        return () => client('POST', '/auth/email/resend', { json: { email } });
      },
    ],
    [
      'POST /auth/email/change',
      described,
      async () => {
        const { access_token: bearer } = await newAccount(client);
        const json = { email: newEmail(), password };
        return () => client('POST', '/auth/email/change', { bearer, json });
      },
    ],
    [
      'POST /auth/email/restore',
      described,
      async () => {
        const { user, access_token: bearer } = await newAccount(client);
        const verify = (token: string) => client('POST', '/auth/email/verify', { json: { token } });
        await verify(await tokenIn(user.email, 'verify_email', 'verify_email'));
        const email = newEmail();
        await client('POST', '/auth/email/change', { bearer, json: { email, password } });
        await verify(await tokenIn(email, 'verify_new_email', 'change_email'));
        const token = await tokenIn(user.email, 'email_changed', 'restore_email');
        return () => client('POST', '/auth/email/restore', { json: { token } });
      },
    ],
    ...[
      '/health',
      '/healthz',
      '/readyz',
      '/flags',
      '/openapi.json',
      '/docs',
      '/docs/errors',
      '/docs/assets/swagger-ui.css',
      '/.well-known/jwks.json',
      '/.well-known/oauth-authorization-server',
      '/dev/mailbox',
    ].map((path): Case => [`GET ${path}`, described, async () => () => client('GET', path)]),
  ];

  // Proves ASVS 2.3.3.
  it.each(cases)('%s takes what is budgeted: %o', async (request, budget, prepare) => {
    const send = await prepare();
    objects.calls = 0;
    const expected = budget === described ? budgetOf(request) : budget;
    expect({ db: await countRoundTrips(send), objects: objects.calls }).toEqual(expected);
  });

  it('every route has a budget, and a request that is counted', () => {
    const counted = new Set(cases.map(([request]) => keyOf(request)));
    const missing = Object.keys(operations).filter((key) => !operations[key]?.budget || !counted.has(key));
    expect(missing, 'routes without a row in this file').toEqual([]);
  });
});
