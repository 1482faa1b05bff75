import { Hono, type MiddlewareHandler } from 'hono';
import {
  ChangeEmailBody,
  type PasswordRequired,
  ResendVerificationBody,
  RestoreEmailBody,
  VerifyEmailBody,
} from '../../accounts/schema/credentials.ts';
import type { Config } from '../../platform/config/schema.ts';
import type { RequestContext } from '../../platform/context.ts';
import type { AppEnv } from '../../platform/http/app-env.ts';
import type { Identify } from '../../platform/http/identify.ts';
import { validate } from '../../platform/http/validate.ts';
import { createProveAddress } from '../http/sign-up-attempt.ts';
import type { EmailProof, ProvingBrowser, Verified } from '../service/verify.ts';

export type EmailServices = {
  readonly verify: (ctx: RequestContext, proof: EmailProof, browser: ProvingBrowser) => Promise<Verified>;
  readonly resend: (ctx: RequestContext, email: string) => Promise<void>;
  readonly change: (ctx: RequestContext, request: { password: string; email: string }) => Promise<void>;
  readonly restore: (ctx: RequestContext, token: string) => Promise<void>;
};

/** Proving and changing an e-mail address, under `/auth/email`. Only a POST uses a token up: mail scanners open links. */
export const emailRoutes = (
  { verify, resend, change, restore }: EmailServices,
  config: Pick<Config, 'cookies' | 'jwt'>,
  { login, identify }: { login: MiddlewareHandler<AppEnv>; identify: Identify },
) => {
  const proveAddress = createProveAddress({ verify, config, identify });

  return new Hono<AppEnv>()
    .post('/verify', validate('json', VerifyEmailBody), async (c) => {
      const { signup_attempt: attempt, ...proof } = c.req.valid('json');
      const verified = await proveAddress(c, proof, attempt);
      if (verified.kind !== 'password_required') return c.body(null, 204);
      const body: PasswordRequired = { password_required: true, reset_token: verified.resetToken };
      return c.json(body, 200);
    })
    .post('/resend', validate('json', ResendVerificationBody), async (c) => {
      await resend(c.var.ctx, c.req.valid('json').email);
      return c.json({ status: 'accepted' }, 202);
    })
    .post('/change', login, validate('json', ChangeEmailBody), async (c) => {
      await change(c.var.ctx, c.req.valid('json'));
      return c.json({ status: 'accepted' }, 202);
    })
    .post('/restore', validate('json', RestoreEmailBody), async (c) => {
      await restore(c.var.ctx, c.req.valid('json').token);
      return c.body(null, 204);
    });
};
