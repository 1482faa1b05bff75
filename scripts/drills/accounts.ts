import { CliError } from '../stack/cli-error.ts';
import { runScript } from '../stack/run-script.ts';
import { type Answer, clientFrom, type Send } from './client.ts';
import { unexpected } from './steps.ts';

export const password = 'correct horse battery staple';

export type Tokens = { readonly access: string; readonly refresh: string };

/** Somebody with an account, at home in a network of their own. */
export type Person = { readonly email: string; readonly home: Send };

export const tokensOf = ({ body }: Answer): Tokens => ({
  access: String(body.access_token),
  refresh: String(body.refresh_token),
});

/** A login that gets its refresh token in the body. */
export const logIn = (send: Send, email: string, secret: string = password): Promise<Answer> =>
  send('POST', '/auth/token', { json: { email, password: secret, scope: 'offline_access' } });

export const refresh = (send: Send, { refresh: refresh_token }: Tokens): Promise<Answer> =>
  send('POST', '/auth/refresh', { json: { refresh_token } });

/** One after the other, so that no hash waits for another. @throws CliError where one of them gets no account */
export const signUp = async (
  url: string,
  names: readonly string[],
  timeoutMs?: number,
): Promise<Person[]> => {
  const people: Person[] = [];
  for (const name of names) {
    const home = clientFrom(url, `198.51.100.${people.length + 1}`, timeoutMs);
    const email = `${name}@example.com`;
    const answer = await home('POST', '/auth/signup', { json: { email, password } });
    if (answer.status !== 201) throw unexpected(`${email} signs up`, answer, [201]);
    people.push({ email, home });
  }
  return people;
};

/** Makes an administrator of an account, as the README says, and logs in. */
export const appoint = async (dataDirectory: string, { email, home }: Person) => {
  const run = await runScript(['scripts/admin-create.ts', '--email', email], { DATA_DIR: dataDirectory });
  if (run.status !== 0) throw new CliError(`✗ admin:create: ${run.stderr.trim()}`);
  const { access } = tokensOf(await logIn(home, email));
  return (method: string, path: string, json?: object): Promise<Answer> =>
    home(method, path, { bearer: access, ...(json && { json }) });
};

export type Administrator = Awaited<ReturnType<typeof appoint>>;

export type AuditEvent = {
  readonly type: string;
  readonly subject_id: string | null;
  readonly ip: string | null;
  readonly details: Readonly<Record<string, unknown>>;
};

/** All events of a question to the audit trail, page by page. */
export const readAudit = async (administer: Administrator, query: string): Promise<AuditEvent[]> => {
  const events: AuditEvent[] = [];
  for (let cursor: unknown = ''; cursor !== null; ) {
    const answer = await administer('GET', `/audit?${query}${cursor ? `&cursor=${cursor}` : ''}`);
    if (answer.status !== 200) throw unexpected('the audit trail is read', answer, [200]);
    events.push(...(answer.body.items as AuditEvent[]));
    cursor = answer.body.next_cursor;
  }
  return events;
};
