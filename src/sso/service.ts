import { generateRandomState } from 'oauth4webapi';
import type { Container } from '../container.ts';
import type { Config } from '../platform/config/schema.ts';
import type { RequestContext, SessionContext } from '../platform/context.ts';
import { AppError } from '../platform/errors.ts';
import { evenOut } from '../platform/even-out.ts';
import { createOriginCheck } from '../platform/rules/origins.ts';
import { type IssuedTokens, newSession } from '../sessions/rules/session.ts';
import { createGithubProvider } from './providers/github.ts';
import { createOidcProvider } from './providers/oidc.ts';
import { createProviderFetch } from './providers/requests.ts';
import {
  type Attempt,
  type AttemptResult,
  type IdentityProvider,
  type NamedIdentity,
  type ProvidedIdentity,
  readReturnAddress,
} from './rules.ts';
import { createSealedAttempts } from './sealed-attempts.ts';
import { createIdentitySql, type Decision } from './sql/identities.ts';

/** The longest that a provider may take for one request, so that the request has time left for its own work. */
const providerTimeoutMs = 6_000;

/** The page after a login without a return address. */
const home = '/account';

const createProviders = (
  { providers, github }: Config['oidc'],
  apiUrl: string,
  outgoing: typeof fetch,
): readonly IdentityProvider[] => {
  const options = (id: string) => ({
    fetch: createProviderFetch(outgoing),
    timeoutMs: providerTimeoutMs,
    redirectUri: `${apiUrl}/auth/oauth/${id}/callback`,
  });
  return [
    ...providers.map((provider) => createOidcProvider({ ...options(provider.id), provider })),
    ...(github ? [createGithubProvider({ ...options('github'), app: github })] : []),
  ];
};

/** The error of a login that opens no session. Its text names the provider, which the person knows. */
const refusalOf = (kind: Exclude<Decision, 'known' | 'created' | 'linked'>, name: string): AppError => {
  switch (kind) {
    case 'account_disabled':
      return new AppError('account_disabled');
    case 'email_not_verified':
      return new AppError('email_not_verified', {
        detail:
          'Your e-mail address has to be confirmed first. Choose “Forgot your password?”: the link that we send you confirms it.',
      });
    case 'not_trusted':
      return new AppError('email_not_verified', {
        detail: `${name} does not confirm that your e-mail address is yours, and an account here needs a confirmed one. Confirm it there, or sign up with a password.`,
      });
    case 'no_email':
      return new AppError('oauth_failed', {
        detail: `${name} has not told us your e-mail address, and an account needs one. Allow it there, or sign up with a password.`,
      });
    case 'not_vouched':
      return new AppError('email_taken', {
        detail: `There is an account with your e-mail address, and ${name} does not confirm that the address is yours. Log in with your password instead.`,
      });
    case 'not_proved':
      return new AppError('email_taken', {
        detail: `There is an account with your e-mail address, and nobody has confirmed the address yet. Choose “Forgot your password?”: the link that we send you confirms it, and from then on you can log in with ${name}.`,
      });
    case 'reserved':
      return new AppError('email_taken', {
        detail:
          'An account had your e-mail address until a few days ago, and can still get it back. If that account is yours, open the link in our message about the change; otherwise try again after seven days.',
      });
  }
};

export type SsoAnswer = {
  readonly providerId: string;
  /** The sealed attempt, or its result, in the browser's cookie; null without a cookie. */
  readonly sealed: string | null;
  /** The session that the browser's access token names; null without a good one. */
  readonly sessionId: string | null;
  readonly answer: URLSearchParams;
};

/** `repeated`: the same answer has logged the browser in before, and nothing is done. */
export type SsoLoggedIn = { readonly returnTo: string } & (
  | { readonly kind: 'opened'; readonly tokens: IssuedTokens; readonly sealedResult: string }
  | { readonly kind: 'repeated' }
);

export type Sso = ReturnType<typeof createSso>;

/** Logins at identity providers, and the identities of accounts. */
export const createSso = (container: Container) => {
  const { config, secretKeys, metrics, instruments, newId, issueTokens, prepareToken, mailQueue } = container;
  const { oidc, origins, email, limits, session: sessionPolicy } = config;
  const rows = createIdentitySql(container);
  const attempts = createSealedAttempts(secretKeys);
  const configured = createProviders(oidc, origins.ownUrl, instruments.outgoing);
  const providers = new Map(configured.map((provider) => [provider.id, provider]));
  const names = new Map(configured.map(({ issuer, name }) => [issuer, name]));
  const returnPolicy = {
    isAllowedOrigin: createOriginCheck({
      ...origins,
      allowed: [origins.ownUrl, origins.appUrl].map((url) => new URL(url).origin).concat(origins.allowed),
    }),
    apiUrl: origins.ownUrl,
  };

  const providerOf = (id: string): IdentityProvider => {
    const provider = providers.get(id);
    if (!provider) throw new AppError('not_found');
    return provider;
  };

  const count = ({ id }: IdentityProvider, outcome: string) =>
    metrics.count('itsor_oauth_total', { provider: id, outcome });
  const countFailure =
    (provider: IdentityProvider) =>
    (error: unknown): never => {
      count(provider, error instanceof AppError ? error.code : 'internal_error');
      throw error;
    };

  /**
   * Starts a login at a provider. Nothing is stored: the browser keeps the sealed attempt for the way back.
   * @throws AppError `not_found`, `validation_failed`, `service_unavailable`
   */
  const start = async (
    ctx: RequestContext,
    { providerId, returnTo }: { readonly providerId: string; readonly returnTo: string | null },
  ): Promise<{ readonly location: string; readonly state: string; readonly sealed: string }> => {
    const provider = providerOf(providerId);
    const address = readReturnAddress(returnTo ?? home, returnPolicy);
    if (address === null) {
      const detail = 'must be a path of this service, or an address at one of its sites';
      throw new AppError('validation_failed', {
        errors: [{ pointer: '/return_to', code: 'not_allowed', detail }],
      });
    }
    const attempt: Attempt = {
      provider: provider.id,
      state: generateRandomState(),
      nonce: generateRandomState(),
      codeVerifier: generateRandomState(),
      returnTo: address,
    };
    const [location, sealed] = await Promise.all([
      provider.authorizationUrl(ctx, attempt),
      attempts.seal(attempt, ctx.now),
    ]).catch(countFailure(provider));
    count(provider, 'started');
    return { location, state: attempt.state, sealed };
  };

  const identify = async (
    ctx: RequestContext,
    provider: IdentityProvider,
    answer: URLSearchParams,
    attempt: Attempt,
  ): Promise<ProvidedIdentity> => {
    const identified = await provider.identify(ctx, answer, attempt);
    switch (identified.kind) {
      case 'identified':
        return identified.identity;
      case 'denied':
        throw new AppError('oauth_failed', {
          detail: `${provider.name} was not allowed to tell us who you are, so nothing was done.`,
        });
      case 'failed':
        ctx.log.warn('single sign-on failed', { provider: provider.id, reason: identified.reason });
        throw new AppError('oauth_failed');
    }
  };

  const login = async (ctx: RequestContext, provider: IdentityProvider, identity: ProvidedIdentity) => {
    const mustProve = email.verification === 'optional' && !identity.emailVerified && identity.email !== null;
    const verification = mustProve ? await prepareToken(ctx.now, identity.email) : null;
    const [deviceMailId, noticeId] = [newId(ctx.now), newId(ctx.now)];
    const session = newSession(newId(ctx.now), '', sessionPolicy, ctx.now);
    const tried = rows.login(ctx, { identity, provider, session, verification, deviceMailId, noticeId });
    // For an address that is not trusted, the statement writes more where an account has it.
    const isTrusted = identity.emailVerified || email.verification !== 'required';
    const { kind, opened, isMailed } = await (isTrusted ? tried : evenOut(tried, limits.evenAnswerMs));
    const mails = [
      ...(opened?.isDeviceTold ? [deviceMailId] : []),
      ...(isMailed ? [noticeId, ...(verification ? [verification.outboxId] : [])] : []),
    ];
    if (mails.length > 0) ctx.defer('hand a mail over', mailQueue.enqueue(mails));
    if (kind !== 'known' && kind !== 'created' && kind !== 'linked') throw refusalOf(kind, provider.name);
    if (!opened) throw new AppError('account_disabled');
    return { kind, sessionId: session.id, tokens: await issueTokens(opened, ctx.now) };
  };

  /** The result of a callback that was sent before; null once its session is over, and in another session. */
  const repeatOf = async (
    ctx: RequestContext,
    sealed: string,
    answered: Pick<Attempt, 'provider' | 'state'>,
    sessionId: string | null,
  ): Promise<AttemptResult | null> => {
    const result = await attempts.openResult(sealed, answered, ctx.now);
    if (!result || (sessionId !== null && sessionId !== result.sessionId)) return null;
    return (await rows.isLive(ctx, result.sessionId)) ? result : null;
  };

  const complete = async (
    ctx: RequestContext,
    provider: IdentityProvider,
    { sealed, answer, sessionId }: SsoAnswer,
  ): Promise<SsoLoggedIn> => {
    const answered = { provider: provider.id, state: answer.get('state') ?? '' };
    const attempt = sealed && (await attempts.open(sealed, answered, ctx.now));
    if (!attempt) {
      const repeated = sealed && (await repeatOf(ctx, sealed, answered, sessionId));
      if (repeated) return { kind: 'repeated', returnTo: repeated.returnTo };
      throw new AppError('oauth_failed', {
        detail: 'This login was not begun in this browser, or too long ago. Start it again.',
      });
    }
    const { returnTo } = attempt;
    const opened = await login(ctx, provider, await identify(ctx, provider, answer, attempt));
    count(provider, opened.kind);
    const result = { ...answered, returnTo, sessionId: opened.sessionId };
    const sealedResult = await attempts.sealResult(result, ctx.now);
    return { kind: 'opened', tokens: opened.tokens, returnTo, sealedResult };
  };

  /**
   * Logs in a person who comes back from a provider, and creates an account if there is none. An answer that this browser
   * did not ask for is refused before any call or write (RFC 9700 section 2.1.1). The same answer again, from a reload,
   * opens no second session: it ends where the first one did.
   * @throws AppError `not_found`, `oauth_failed`, `account_disabled`, `email_not_verified`, `email_taken`,
   * `service_unavailable`
   */
  const finish = async (ctx: RequestContext, answer: SsoAnswer) => {
    const provider = providerOf(answer.providerId);
    return complete(ctx, provider, answer).catch(countFailure(provider));
  };

  /** The actor's identities, oldest first. @throws AppError `session_revoked`, `account_disabled` */
  const list = async (ctx: SessionContext): Promise<readonly NamedIdentity[]> =>
    (await rows.listOwn(ctx)).map((identity) => ({
      ...identity,
      // A provider that is no longer configured has no other name.
      name: names.get(identity.issuer) ?? URL.parse(identity.issuer)?.host ?? identity.issuer,
    }));

  return {
    start,
    finish,
    list,
    unlink: rows.unlink,
    /** The providers for login pages. A login starts at the origin of its callback. */
    offers: configured.map(({ id, name }) => ({ name, url: `${origins.ownUrl}/auth/oauth/${id}` })),
  };
};
