import { type Context, Hono } from 'hono';
import type { PageServices } from '../../accounts/routes/page-services.ts';
import {
  EmailCode,
  ForgotPasswordBody,
  LinkToken,
  ResendVerificationBody,
  ResetPasswordBody,
} from '../../accounts/schema/credentials.ts';
import { ForgotPassword, ResetPassword } from '../../passwords/pages.tsx';
import type { Config } from '../../platform/config/schema.ts';
import { AppError } from '../../platform/errors.ts';
import type { AppEnv } from '../../platform/http/app-env.ts';
import type { Identify } from '../../platform/http/identify.ts';
import { pageForm } from '../../platform/http/page-forms.ts';
import { respondWithPage } from '../../platform/http/page-response.tsx';
import type { Failure } from '../../platform/pages/failure.ts';
import { doneAt, noticeText } from '../../platform/pages/notices.ts';
import type { Site } from '../../platform/pages/site.ts';
import { createProveAddress } from '../http/sign-up-attempt.ts';
import { DeadLink, type LinkPurpose } from '../pages/dead-link.tsx';
import { RestoreEmail } from '../pages/restore-email.tsx';
import { VerifyByCode, VerifyByLink } from '../pages/verify-email.tsx';
import { afterProof } from './after-proof.ts';

const readToken = (token: string | undefined): string | undefined =>
  LinkToken.safeParse({ token }).data?.token;

/**
 * Where the links of mails lead, and the forms that ask for them. A GET reads no token: mail scanners open links,
 * and one that they used up would be dead.
 */
export const linkPageRoutes = (
  { password, email }: Pick<PageServices, 'password' | 'email'>,
  config: Pick<Config, 'cookies' | 'jwt' | 'password'>,
  { identify, site }: { identify: Identify; site: Site },
) => {
  const showDeadLink = (c: Context<AppEnv>, purpose: LinkPurpose, failure: Pick<Failure, 'error'>) => {
    // A token that does not even look like one is as good as any other that is not known.
    const error = failure.error.code === 'validation_failed' ? new AppError('token_invalid') : failure.error;
    const isGone = error.code === 'token_invalid';
    return respondWithPage(c, site, {
      heading: isGone ? 'This link does not work any more' : 'This link could not be used',
      failure: { form: 'link', values: {}, error },
      content: <DeadLink purpose={purpose} isGone={isGone} />,
    });
  };
  const proveAddress = createProveAddress({ verify: email.verify, config, identify });
  const noToken = { error: new AppError('token_invalid') };

  const showForgot = (c: Context<AppEnv>, failure?: Failure) =>
    respondWithPage(c, site, {
      heading: 'Forgot your password?',
      notice: failure ? undefined : noticeText(c.req.query('done')),
      failure,
      content: <ForgotPassword failure={failure} />,
    });

  const showReset = (c: Context<AppEnv>, failure?: Failure) => {
    const token = readToken(failure ? failure.values.token : c.req.query('token'));
    if (token === undefined || failure?.error.code === 'token_invalid')
      return showDeadLink(c, 'reset', noToken);
    return respondWithPage(c, site, {
      heading: 'Choose a new password',
      notice: failure ? undefined : noticeText(c.req.query('done')),
      failure,
      content: (
        <ResetPassword token={token} minPasswordLength={config.password.minLength} failure={failure} />
      ),
    });
  };

  const showCode = (c: Context<AppEnv>, failure?: Failure) =>
    respondWithPage(c, site, {
      heading: 'Confirm your e-mail address',
      notice: failure ? undefined : noticeText(c.req.query('done')),
      failure,
      content: <VerifyByCode failure={failure} />,
    });

  return (
    new Hono<AppEnv>()
      .get('/forgot-password', (c) => showForgot(c))
      .post(
        '/forgot-password',
        pageForm({
          name: 'forgot',
          schema: ForgotPasswordBody,
          submit: async (c, body) => {
            await password.forgot(c.var.ctx, body.email);
            return doneAt('/forgot-password', 'reset-sent');
          },
          again: showForgot,
        }),
      )
      .get('/reset-password', (c) => showReset(c))
      .post(
        '/reset-password',
        pageForm({
          name: 'reset',
          schema: ResetPasswordBody,
          submit: async (c, body) => {
            await password.reset(c.var.ctx, body);
            return doneAt('/account', 'password-reset');
          },
          again: showReset,
        }),
      )
      .get('/verify-email', (c) => {
        if (c.req.query('token') === undefined) return showCode(c);
        const token = readToken(c.req.query('token'));
        if (token === undefined) return showDeadLink(c, 'confirm', noToken);
        const content = <VerifyByLink token={token} />;
        return respondWithPage(c, site, { heading: 'Confirm your e-mail address', content });
      })
      .post(
        '/verify-email',
        pageForm({
          name: 'verify',
          schema: LinkToken,
          submit: async (c, body) => {
            return afterProof(await proveAddress(c, body), await identify(c));
          },
          again: (c, failure) => showDeadLink(c, 'confirm', failure),
        }),
      )
      .post(
        '/verify-email/code',
        pageForm({
          name: 'code',
          schema: EmailCode,
          submit: async (c, body) => {
            return afterProof(await proveAddress(c, body), await identify(c));
          },
          again: showCode,
        }),
      )
      .post(
        '/verify-email/resend',
        pageForm({
          name: 'resend',
          schema: ResendVerificationBody,
          submit: async (c, body) => {
            await email.resend(c.var.ctx, body.email);
            const { kind } = await identify(c);
            return doneAt(kind === 'valid' ? '/account' : '/verify-email', 'verification-sent');
          },
          again: showCode,
        }),
      )
      .get('/restore-email', (c) => {
        const token = readToken(c.req.query('token'));
        if (token === undefined) return showDeadLink(c, 'restore', noToken);
        return respondWithPage(c, site, {
          heading: 'Undo the change of your e-mail address',
          content: <RestoreEmail token={token} />,
        });
      })
      .post(
        '/restore-email',
        pageForm({
          name: 'restore',
          schema: LinkToken,
          submit: async (c, body) => {
            await email.restore(c.var.ctx, body.token);
            return `${doneAt('/reset-password', 'email-restored')}&token=${body.token}`;
          },
          again: (c, failure) => showDeadLink(c, 'restore', failure),
        }),
      )
      // Where a form that was not accepted has left the address line.
      .on('GET', ['/verify-email/code', '/verify-email/resend'], (c) => c.redirect('/verify-email', 303))
  );
};
