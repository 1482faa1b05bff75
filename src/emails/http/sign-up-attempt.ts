import type { Context } from 'hono';
import type { Config } from '../../platform/config/schema.ts';
import type { RequestContext } from '../../platform/context.ts';
import type { AppEnv } from '../../platform/http/app-env.ts';
import { readSingleCookie } from '../../platform/http/cookies.ts';
import type { Identify } from '../../platform/http/identify.ts';
import { setSignUpCookie } from '../../sessions/http.ts';
import type { EmailProof, ProvingBrowser, Verified } from '../service/verify.ts';

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
