import type { Context } from 'hono';
import type { Config } from '../config/schema.ts';
import type { RequestContext } from '../context.ts';
import type { EmailProof, Verified } from '../services/email/verify.ts';
import type { AppEnv } from './app-env.ts';
import { readSingleCookie, setSignUpCookie } from './cookies.ts';

type Deps = {
  readonly verify: (ctx: RequestContext, proof: EmailProof, attempt: string | null) => Promise<Verified>;
  readonly config: Pick<Config, 'cookies' | 'jwt'>;
};

/**
 * Proves an address with the sign-up that the client has sent or the cookie keeps, which has served then.
 * @throws AppError what `verify` throws, and `duplicate_cookie`
 */
export const createProveAddress =
  ({ verify, config: { cookies, jwt } }: Deps) =>
  async (c: Context<AppEnv>, proof: EmailProof, given?: string): Promise<Verified> => {
    const cookie = jwt.locations.cookie ? readSingleCookie(c, cookies.signUpName) : null;
    const verified = await verify(c.var.ctx, proof, given ?? cookie);
    if (cookie !== null) setSignUpCookie(c, cookies, null);
    return verified;
  };
