import { type Client, newAccount, password, type Tokens } from './client.ts';
import { sql } from './database.ts';
import { tokenIn } from './mail.ts';

export const day = 86_400_000;
export const nextPassword = 'umbrella lantern orchard 47';

/** No limit that a test of many requests would meet. */
export const lenient = { RATE_LIMIT_MAX: '100000' };

/** What people do with the addresses of their accounts, and thieves with those of others; each verb tells the status. */
export const createMoves = (client: Client) => {
  const post = (path: string, json: object, bearer?: string) =>
    client('POST', path, { json, ...(bearer !== undefined && { bearer }) });
  const statusOf = async (path: string, json: object, bearer?: string) =>
    (await post(path, json, bearer)).status;

  const ask = (bearer: string, email: string, secret = password) =>
    statusOf('/auth/email/change', { password: secret, email }, bearer);
  /** Opens the link of the message, in the browser of a session or in another one. */
  const confirm = async (email: string, bearer?: string) =>
    statusOf(
      '/auth/email/verify',
      { token: await tokenIn(email, 'verify_new_email', 'change_email') },
      bearer,
    );

  return {
    ask,
    confirm,
    /** Asks for another address and confirms it. */
    move: async (bearer: string, email: string, secret = password) => {
      const asked = await ask(bearer, email, secret);
      return asked === 202 ? confirm(email, bearer) : asked;
    },
    undoLink: (email: string) => tokenIn(email, 'email_changed', 'restore_email'),
    restore: (token: string) => statusOf('/auth/email/restore', { token }),
    reset: (token: string, to = nextPassword) => statusOf('/auth/password/reset', { token, password: to }),
    /** A reset link, by the mailbox of an address. */
    forgot: async (email: string) => {
      await post('/auth/password/forgot', { email });
      return tokenIn(email, 'reset_password', 'reset_password');
    },
    verify: async (email: string) =>
      statusOf('/auth/email/verify', { token: await tokenIn(email, 'verify_email', 'verify_email') }),
    signUp: (email: string) => post('/auth/signup', { email, password }),
    /** A login by a password; null where it is refused. */
    login: async (identifier: string, secret = password): Promise<Tokens | null> => {
      const response = await post('/auth/token', { identifier, password: secret });
      return response.ok ? response.json<Tokens>() : null;
    },
    /** Whether a session is over. */
    isOver: async (bearer: string) => (await client('GET', '/auth/me', { bearer })).status === 401,
    /** An account whose address has been proved for that long. */
    newOwner: async (days = 30) => {
      const account = await newAccount(client);
      const since = new Date(Date.now() - days * day);
      await sql`update users set email_verified_at = ${since} where id = ${account.user.id}`;
      return {
        ...account,
        email: account.user.email,
        id: account.user.id,
        bearer: account.access_token,
        since,
      };
    },
    /** What the database has of an account. */
    row: async (id: string): Promise<Record<string, unknown>> =>
      (await sql`select * from users where id = ${id}`)[0] ?? {},
  };
};
