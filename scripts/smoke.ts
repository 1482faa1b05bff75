import { randomBytes } from 'node:crypto';
import { type Answer, createClient, expectStatus, fail, pass, type Request } from './drills/client.ts';
import { CliError, interruption, runProgram } from './program/cli.ts';
import { reaches } from './program/cookie-path.ts';
import { readOptions, readServiceUrl } from './program/options.ts';

const usage = `npm run smoke -- --url https://… [--email name@domain] [--version [worker=]id]
  Asks a service whether it is ready, and takes an account of its own through sign-up, login, refresh, logout and
  deletion. With EMAIL_VERIFICATION=required it goes as far as the mail. --email gets that account's mails.
  --version wants that version to answer; with the Worker's name it is asked by name, which also reaches one that
  gets no other traffic.`;

const options = {
  url: { type: 'string' },
  email: { type: 'string', default: 'itsor-smoke@example.com' },
  version: { type: 'string' },
} as const;

type Arguments = ReturnType<typeof readArguments>;

const readArguments = () => {
  const { url, email, version } = readOptions(options, usage);
  if (url === undefined) throw new CliError(`--url is needed\n\n${usage}`);
  const { name, domain } = /^(?<name>[^\s@<>",;]+)@(?<domain>[^\s@<>",;]+)$/.exec(email)?.groups ?? {};
  if (!name || !domain) throw new CliError('--email wants an e-mail address: name@domain.');
  return {
    version: version === undefined ? null : readVersion(version),
    url: readServiceUrl(url),
    email: `${name}+${randomBytes(6).toString('hex')}@${domain}`,
  };
};

const readVersion = (given: string) => {
  const { worker, id } = /^(?:(?<worker>[a-z0-9-]+)=)?(?<id>[a-f0-9-]+)$/.exec(given)?.groups ?? {};
  if (!id) throw new CliError(`--version wants an id, or worker=id\n\n${usage}`);
  return { worker, id };
};

/** What cleans up goes on after this program was asked to stop. */
type VisitorRequest = Pick<Request, 'json' | 'bearer'> & { readonly isCleanUp?: true };

/** A client that keeps its cookies and sends them to their paths, as a browser does. */
const createVisitor = ({ url, version }: Arguments, asked: AbortSignal) => {
  const jar = new Map<string, { readonly pair: string; readonly path: string }>();
  // A dictionary of RFC 9651, by which Cloudflare chooses among the versions of a deployment.
  const override = version?.worker && {
    'Cloudflare-Workers-Version-Overrides': `${version.worker}="${version.id}"`,
  };
  const send = createClient(url, { headers: { 'User-Agent': 'itsor-smoke', ...override } });
  return async (method: string, path: string, { isCleanUp, ...request }: VisitorRequest = {}) => {
    if (asked.aborted && !isCleanUp) throw new CliError('✗ The smoke test was stopped before its end.');
    const { pathname } = new URL(`${url}${path}`);
    const cookies = [...jar.values()].filter((cookie) => reaches(cookie.path, pathname));
    const isByCookie = request.bearer === undefined && cookies.length > 0;
    const answer = await send(method, path, {
      ...request,
      ...(isByCookie && { headers: { Cookie: cookies.map(({ pair }) => pair).join('; ') } }),
    });
    for (const cookie of answer.headers.getSetCookie()) {
      const [pair = ''] = cookie.split(';');
      jar.set(pair.split('=')[0] ?? '', { pair, path: /;\s*path=([^;]*)/i.exec(cookie)?.[1] ?? '/' });
    }
    return answer;
  };
};

// A deployment's proof: everything that an account needs, end to end, and nothing left behind.
runProgram(async () => {
  const given = readArguments();
  const { email, version } = given;
  const password = `smoke ${randomBytes(18).toString('base64url')}`;
  const asked = interruption(() => `perhaps the account ${email}`);
  const visit = createVisitor(given, asked);
  // In one browser, the login would end the session of the sign-up.
  const visitElsewhere = createVisitor(given, asked);
  const login = { email, password };
  const logIn = () => visitElsewhere('POST', '/auth/token', { json: login });

  expectStatus('alive', await visit('GET', '/healthz'), 200);
  const { body } = expectStatus('every part answers', await visit('GET', '/readyz'), 200);
  if (version && body.version !== version.id)
    throw fail(
      'version',
      `${body.version} has answered, and not ${version.id}; is it deployed everywhere yet?`,
    );
  if (version) pass(`version ${version.id}`);
  let bearer: string | null = null;
  try {
    const signup = expectStatus('sign-up', await visit('POST', '/auth/signup', { json: login }), 201, 202);
    if (signup.status === 202) {
      console.log('· this service verifies addresses, so the smoke test ends with the mail');
      return;
    }
    bearer = String(signup.body.access_token);
    await useAccount(visitElsewhere, bearer, logIn);
    expectStatus('deletion', await remove(visit, password, bearer), 204);
  } catch (error) {
    // The first failure is told first.
    if (await isCleanedUp(visit, login, bearer)) throw error;
    const left = bearer === null ? 'may be left' : 'is left';
    throw new CliError(`${(error as Error).message}\n✗ The account ${email} ${left}.`);
  }
  expectStatus('the deleted account cannot log in', await logIn(), 401);
});

type Visit = ReturnType<typeof createVisitor>;
type Login = { readonly email: string; readonly password: string };

const useAccount = async (visit: Visit, bearer: string, logIn: () => Promise<Answer>): Promise<void> => {
  expectStatus('the bearer token is accepted', await visit('GET', '/auth/me', { bearer }), 200);
  const login = expectStatus('login', await logIn(), 200);
  if (login.headers.getSetCookie().length === 0) return;
  expectStatus('the cookie is accepted', await visit('GET', '/auth/me'), 200);
  expectStatus('refresh', await visit('POST', '/auth/refresh'), 200);
  expectStatus('logout', await visit('POST', '/auth/logout'), 204);
  expectStatus('the session has ended', await visit('GET', '/auth/me'), 401);
};

const remove = (visit: Visit, password: string, bearer: string) =>
  visit('DELETE', '/users/me', { json: { password }, bearer, isCleanUp: true });

/** Whether the account is certainly gone. The answer to a sign-up or a deletion may have been lost on its way. */
const isCleanedUp = async (visit: Visit, login: Login, bearer: string | null): Promise<boolean> => {
  try {
    if (bearer !== null && (await remove(visit, login.password, bearer)).status === 204) return true;
    const { status, body } = await visit('POST', '/auth/token', { json: login, isCleanUp: true });
    if (status !== 200 || typeof body.access_token !== 'string') return status === 401;
    return (await remove(visit, login.password, body.access_token)).status === 204;
  } catch {
    return false;
  }
};
