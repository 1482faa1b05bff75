import { v7 as uuidv7 } from 'uuid';
import journal from '../drizzle/meta/_journal.json' with { type: 'json' };
import { createAccessTokens } from './adapters/access-tokens.ts';
import { createArgon2Hasher } from './adapters/argon2/hasher.ts';
import { checkArgon2id } from './adapters/argon2/known-answer.ts';
import { createMacKeys } from './adapters/derived-keys.ts';
import { createLogger } from './adapters/logger.ts';
import { createLoginGuard } from './adapters/login-guard.ts';
import { createRateLimiter } from './adapters/rate-limiter.ts';
import { createRefreshTokens } from './adapters/refresh-tokens.ts';
import { loadConfig } from './config/load.ts';
import type { Config } from './config/schema.ts';
import type { ConfigProblem } from './config/scope.ts';
import type { Logger } from './context.ts';
import { createDatabase } from './db/client.ts';
import type { LoginGuard } from './durable-objects/login-guard.ts';
import type { RateLimiter } from './durable-objects/rate-limiter.ts';
import { createAccountRepository } from './repositories/accounts.ts';
import { createMigrationRepository } from './repositories/migrations.ts';
import { createSessionRepository } from './repositories/sessions.ts';
import { createMe } from './services/account/me.ts';
import { createSignup } from './services/account/signup.ts';
import { createReadiness } from './services/health/readiness.ts';
import { createEndSession } from './services/session/end.ts';
import { createIssueTokens } from './services/session/issue.ts';
import { createListSessions } from './services/session/list.ts';
import { createLogin } from './services/session/login.ts';
import { createLogout } from './services/session/logout.ts';
import { createRefresh } from './services/session/refresh.ts';
import { createRevoke } from './services/session/revoke.ts';

/** The bindings that are not variables; `src/config` reads those. */
export type Bindings = Record<string, unknown> & {
  RATE_LIMITER: DurableObjectNamespace<RateLimiter>;
  LOGIN_GUARD: DurableObjectNamespace<LoginGuard>;
  ASSETS: Fetcher;
};

/** What every request needs, configured or not. */
export type Foundation = {
  readonly log: Logger;
  readonly clock: () => Date;
  readonly newRequestId: () => string;
};

export type Services = ReturnType<typeof createServices>;

export type Container = Foundation &
  (
    | { readonly kind: 'ready'; readonly services: Services }
    | { readonly kind: 'misconfigured'; readonly problems: readonly ConfigProblem[] }
  );

const clock = () => new Date();
const newId = (now: Date) => uuidv7({ msecs: now.getTime() });
const newRequestId = () => crypto.randomUUID();
const write = (line: string) => console.log(line);

const createServices = (config: Config, bindings: Bindings) => {
  const db = createDatabase(config.database);
  const accounts = createAccountRepository(db, newId);
  const sessions = createSessionRepository(db, newId);
  const migrations = createMigrationRepository(db);

  const hasher = createArgon2Hasher(config.password.argon2, {
    maxWaitMs: config.limits.requestTimeoutMs,
  });
  const guard = createLoginGuard(bindings.LOGIN_GUARD, config.limits.login);
  const accessTokens = createAccessTokens(config.jwt);
  const secretKeys = [config.session.secretKey, ...config.session.previousSecretKeys];
  const refreshTokens = createRefreshTokens(createMacKeys(secretKeys, 'refresh-token'));

  const verifyAccessToken = accessTokens.verify;
  const readRefreshToken = refreshTokens.read;
  const sessionPolicy = config.session;
  const passwordMaxAgeDays = config.password.maxAgeDays;
  const issueTokens = createIssueTokens({
    signAccessToken: accessTokens.sign,
    issueRefreshToken: refreshTokens.issue,
    newId,
    accessTtlSeconds: config.jwt.accessTtlSeconds,
    passwordMaxAgeDays,
  });

  return {
    config,
    verifyAccessToken,
    limiter: createRateLimiter(bindings.RATE_LIMITER),
    account: {
      signup: createSignup({
        accounts,
        hasher,
        issueTokens,
        sessionPolicy,
        passwordPolicy: config.password,
        newId,
      }),
      me: createMe({ accounts, passwordMaxAgeDays }),
    },
    session: {
      login: createLogin({ accounts, sessions, guard, hasher, issueTokens, sessionPolicy, newId }),
      refresh: createRefresh({ sessions, readRefreshToken, issueTokens, sessionPolicy }),
      logout: createLogout({ sessions, readRefreshToken }),
      revoke: createRevoke({ sessions, verifyAccessToken, readRefreshToken }),
      list: createListSessions({ sessions }),
      end: createEndSession({ sessions }),
    },
    health: {
      readiness: createReadiness({
        lastMigration: migrations.last,
        bundledMigration: journal.entries.at(-1)?.when ?? 0,
        pingHasher: checkArgon2id,
      }),
    },
    jwks: accessTokens.jwks,
    asset: (path: string) => bindings.ASSETS.fetch(`https://assets.local${path}`),
  };
};

/** The one place where parts are put together; the app is made of what this returns. */
export const createContainer = (bindings: Bindings): Container => {
  const loaded = loadConfig(bindings);
  const log = createLogger({
    ...(loaded.ok ? loaded.config.log : { level: 'info', pretty: false }),
    clock,
    write,
  });
  const foundation = { log, clock, newRequestId };
  for (const warning of loaded.warnings) log.warn('configuration', warning);
  if (loaded.ok) return { ...foundation, kind: 'ready', services: createServices(loaded.config, bindings) };
  for (const problem of loaded.problems) log.error('misconfigured', problem);
  return { ...foundation, kind: 'misconfigured', problems: loaded.problems };
};
