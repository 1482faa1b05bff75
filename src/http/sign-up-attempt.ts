import type { Context } from 'hono';
import type { Config } from '../config/schema.ts';
import type { RequestContext } from '../context.ts';
import type { EmailProof, ProvingBrowser, Verified } from '../services/email/verify.ts';
import type { AppEnv } from './app-env.ts';
import { readSingleCookie, setSignUpCookie } from './cookies.ts';
import type { Identify } from './identify.ts';

type Deps = {
  readonly verify: (ctx: RequestContext, proof: EmailProof, browser: ProvingBrowser) => Promise<Verified>;
  readonly config: Pick<Config, 'cookies' | 'jwt'>;
  readonly identify: Identify;
};

/**
 * Proves an address with the session that the request has and the sign-up that the client has sent or the cookie keeps,
 * which has served then.
 * @throws AppError what `verify` throws, and `duplicate_cookie`
 */
export const createProveAddress =
  ({ verify, config: { cookies, jwt }, identify }: Deps) =>
  async (c: Context<AppEnv>, proof: EmailProof, given?: string): Promise<Verified> => {
    const cookie = jwt.locations.cookie ? readSingleCookie(c, cookies.signUpName) : null;
    const presented = await identify(c);
    const sessionId = presented.kind === 'valid' ? presented.claims.sessionId : null;
    const verified = await verify(c.var.ctx, proof, { signUpAttempt: given ?? cookie, sessionId });
    if (cookie !== null) setSignUpCookie(c, cookies, null);
    return verified;
  };
