import type { Context } from 'hono';
import { tokenReasonsOf } from '../../accounts/http.ts';
import {
  EmailCode,
  ForgotPasswordBody,
  LinkToken,
  ResendVerificationBody,
  ResetPasswordBody,
} from '../../accounts/schema/credentials.ts';
import { ForgotPassword, ResetPassword } from '../../passwords/pages.tsx';
import type { Passwords } from '../../passwords/service.ts';
import { AppError } from '../../platform/errors.ts';
import type { AppEnv } from '../../platform/http/app-env.ts';
import { pageForm, respondWithPage } from '../../platform/http/page-response.tsx';
import { page, type Web } from '../../platform/http/route.ts';
import { createChallengeOf, type FormChallenge, hasWidget } from '../../platform/pages/challenge.tsx';
import type { Failure } from '../../platform/pages/failure.ts';
import { doneAt, noticeText } from '../../platform/pages/notices.ts';
import type { PageContent } from '../../platform/pages/page.tsx';
import { createProveAddress, placeAfterProof } from '../http.ts';
import { DeadLink, type LinkPurpose, RestoreEmail, VerifyByCode, VerifyByLink } from '../pages.tsx';
import type { Emails } from '../service.ts';

const readToken = (token: string | undefined): string | undefined =>
  LinkToken.safeParse({ token }).data?.token;

/**
 * The pages that the links of mails open, and the forms that ask for such mails. A GET uses up no token, because mail
 * scanners open links.
 */
export const linkPageRoutes = (
  { passwords, emails }: { readonly passwords: Passwords; readonly emails: Emails },
  web: Web,
) => {
  const { config, identify, site } = web;
  const challengeOf = createChallengeOf(config);
  const show = (
    c: Context<AppEnv>,
    heading: string,
    content: PageContent['content'],
    failure?: Failure,
    challenge: FormChallenge = null,
  ) =>
    respondWithPage(c, site, {
      heading,
      hasWidget: hasWidget(challenge),
      notice: failure ? undefined : noticeText(c.req.query('done')),
      failure,
      content,
    });
  const showDeadLink = (c: Context<AppEnv>, purpose: LinkPurpose, failure: Pick<Failure, 'error'>) => {
    // A text that cannot be a token gets the answer of an unknown token.
    const error = failure.error.code === 'validation_failed' ? new AppError('token_invalid') : failure.error;
    const isGone = error.code === 'token_invalid';
    return respondWithPage(c, site, {
      heading: isGone ? 'This link does not work any more' : 'This link could not be used',
      failure: { form: 'link', values: {}, error },
      content: <DeadLink purpose={purpose} isGone={isGone} />,
    });
  };
  const proveAddress = createProveAddress(emails, web);
  const noToken = { error: new AppError('token_invalid') };

  const showForgot = (c: Context<AppEnv>, failure?: Failure) => {
    const challenge = challengeOf('forgot');
    const form = <ForgotPassword failure={failure} challenge={challenge} />;
    return show(c, 'Forgot your password?', form, failure, challenge);
  };

  const showReset = (c: Context<AppEnv>, failure?: Failure) => {
    const token = readToken(failure ? failure.values.token : c.req.query('token'));
    if (token === undefined || failure?.error.code === 'token_invalid')
      return showDeadLink(c, 'reset', noToken);
    const { minLength } = config.password;
    const form = <ResetPassword token={token} minPasswordLength={minLength} failure={failure} />;
    return show(c, 'Choose a new password', form, failure);
  };

  const showCode = (c: Context<AppEnv>, failure?: Failure) => {
    const challenge = challengeOf('resend');
    const form = <VerifyByCode failure={failure} challenge={challenge} />;
    return show(c, 'Confirm your e-mail address', form, failure, challenge);
  };

  return [
    page({ method: 'GET', path: '/forgot-password', access: 'optional', rate: 'anybody' }, (c) =>
      showForgot(c),
    ),
    page(
      { method: 'POST', path: '/forgot-password', access: 'optional', rate: 'mail' },
      pageForm({
        name: 'forgot',
        schema: ForgotPasswordBody,
        reasons: tokenReasonsOf(config, 'forgot'),
        submit: async (c, { email, turnstile_token: turnstileToken = null }) => {
          await passwords.forgot(c.var.ctx, { email, turnstileToken });
          return doneAt('/forgot-password', 'reset-sent');
        },
        again: showForgot,
      }),
    ),
    page({ method: 'GET', path: '/reset-password', access: 'optional', rate: 'anybody' }, (c) =>
      showReset(c),
    ),
    page(
      { method: 'POST', path: '/reset-password', access: 'optional', rate: 'reset' },
      pageForm({
        name: 'reset',
        schema: ResetPasswordBody,
        submit: async (c, body) => {
          await passwords.reset(c.var.ctx, body);
          return doneAt('/account', 'password-reset');
        },
        again: showReset,
      }),
    ),
    page({ method: 'GET', path: '/verify-email', access: 'optional', rate: 'anybody' }, (c) => {
      if (c.req.query('token') === undefined) return showCode(c);
      const token = readToken(c.req.query('token'));
      if (token === undefined) return showDeadLink(c, 'confirm', noToken);
      const content = <VerifyByLink token={token} />;
      return respondWithPage(c, site, { heading: 'Confirm your e-mail address', content });
    }),
    page(
      { method: 'POST', path: '/verify-email', access: 'optional', rate: 'verify' },
      pageForm({
        name: 'verify',
        schema: LinkToken,
        submit: async (c, body) => placeAfterProof(await proveAddress(c, body), await identify(c)),
        again: (c, failure) => showDeadLink(c, 'confirm', failure),
      }),
    ),
    page(
      { method: 'POST', path: '/verify-email/code', access: 'optional', rate: 'verify' },
      pageForm({
        name: 'code',
        schema: EmailCode,
        submit: async (c, body) => placeAfterProof(await proveAddress(c, body), await identify(c)),
        again: showCode,
      }),
    ),
    page(
      { method: 'POST', path: '/verify-email/resend', access: 'optional', rate: 'mail' },
      pageForm({
        name: 'resend',
        schema: ResendVerificationBody,
        reasons: tokenReasonsOf(config, 'resend'),
        submit: async (c, { email, turnstile_token: turnstileToken = null }) => {
          await emails.resend(c.var.ctx, { email, turnstileToken });
          const { kind } = await identify(c);
          return doneAt(kind === 'valid' ? '/account' : '/verify-email', 'verification-sent');
        },
        again: showCode,
      }),
    ),
    page({ method: 'GET', path: '/restore-email', access: 'optional', rate: 'anybody' }, (c) => {
      const token = readToken(c.req.query('token'));
      if (token === undefined) return showDeadLink(c, 'restore', noToken);
      return respondWithPage(c, site, {
        heading: 'Undo the change of your e-mail address',
        content: <RestoreEmail token={token} />,
      });
    }),
    page(
      { method: 'POST', path: '/restore-email', access: 'optional', rate: 'verify' },
      pageForm({
        name: 'restore',
        schema: LinkToken,
        submit: async (c, body) => {
          const { setsPassword } = await emails.restore(c.var.ctx, body.token);
          if (!setsPassword) return doneAt('/forgot-password', 'email-restored-before');
          return `${doneAt('/reset-password', 'email-restored')}&token=${body.token}`;
        },
        again: (c, failure) => showDeadLink(c, 'restore', failure),
      }),
    ),
    // A form that was not accepted leaves its own path in the address line, and a reload asks for it.
    ...(['/verify-email/code', '/verify-email/resend'] as const).map((path) =>
      page({ method: 'GET', path, access: 'optional' }, (c) => c.redirect('/verify-email', 303)),
    ),
  ];
};
