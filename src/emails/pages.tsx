import { ChallengedForm, type FormChallenge } from '../platform/pages/challenge.tsx';
import type { Failure } from '../platform/pages/failure.ts';
import { Form, fieldsOf } from '../platform/pages/form.tsx';
import { Link } from '../platform/pages/link.tsx';

type CodeFormProps = { action: string; email?: string; failure: Failure | undefined };

/** Where the address is known, the form asks only for the code. */
export const CodeForm = ({ action, email, failure }: CodeFormProps) => {
  const Field = fieldsOf('code', failure);
  return (
    <Form action={action} submit="Confirm" hidden={email === undefined ? {} : { email }}>
      {email === undefined && <Field name="email" type="email" autocomplete="email" />}
      <Field name="code" type="text" autocomplete="one-time-code" inputmode="numeric" />
    </Form>
  );
};

/** One button, for an address that is known. */
export const ResendForm = ({ email, challenge }: { email: string; challenge: FormChallenge }) => (
  <ChallengedForm
    action="/verify-email/resend"
    submit="Send the message again"
    hidden={{ email }}
    challenge={challenge}
    quiet
  />
);

/** Waits for a press of the button, because mail scanners open links and would use them up. */
export const VerifyByLink = ({ token }: { token: string }) => (
  <section>
    <p>Press the button to confirm that this e-mail address is yours.</p>
    <p>
      If you signed up in another browser, open the link there instead. In this one you may be asked to choose
      your password again.
    </p>
    <Form action="/verify-email" submit="Confirm" hidden={{ token }} />
  </section>
);

type VerifyProps = { failure: Failure | undefined; challenge: FormChallenge };

export const VerifyByCode = ({ failure, challenge }: VerifyProps) => {
  const Resend = fieldsOf('resend', failure);
  return (
    <>
      <section aria-labelledby="by-code">
        <h2 id="by-code">Type the code</h2>
        <CodeForm action="/verify-email/code" failure={failure} />
      </section>
      <section aria-labelledby="again">
        <h2 id="again">No message, or has it expired?</h2>
        <ChallengedForm action="/verify-email/resend" submit="Send a new one" challenge={challenge} quiet>
          <Resend name="email" type="email" autocomplete="email" />
        </ChallengedForm>
      </section>
      <p>
        <Link href="/account">To your account</Link>
      </p>
    </>
  );
};

export const RestoreEmail = ({ token }: { token: string }) => (
  <section>
    <p>
      The e-mail address of your account was changed. Press the button to undo the change: your account gets
      its old address back, every device is logged out, and its password stops working, because someone else
      may know it. On the next page you choose a new password. If that takes you longer than 30 minutes, use
      “Forgot your password?” instead.
    </p>
    <p>If you made the change yourself, close this page and nothing happens.</p>
    <Form action="/restore-email" submit="Undo the change" hidden={{ token }} />
  </section>
);

/** The purpose of a link, as far as its page tells it. */
export type LinkPurpose = 'confirm' | 'reset' | 'restore';

type NextStep = { readonly before: string; readonly href: string; readonly label: string };

const nextSteps: Readonly<Record<LinkPurpose, readonly NextStep[]>> = {
  confirm: [
    { before: 'If you have already confirmed the address: ', href: '/account', label: 'Log in' },
    { before: 'To complete a sign-up: ', href: '/verify-email', label: 'Get a new message' },
    { before: 'To change your e-mail address: ', href: '/account', label: 'Log in and ask again' },
  ],
  reset: [{ before: '', href: '/forgot-password', label: 'Get a new link' }],
  restore: [
    {
      before: 'If you have undone the change already, and still need a password: ',
      href: '/forgot-password',
      label: 'Get a link to set one',
    },
    { before: 'If you know your password: ', href: '/account', label: 'Log in' },
  ],
};

/** For a link that does nothing: it has expired or was used, or this browser cannot use it now. */
export const DeadLink = ({ purpose, isGone }: { purpose: LinkPurpose; isGone: boolean }) => (
  <section>
    {isGone && <p>If we have sent you a newer message, open the link in that one.</p>}
    <ul>
      {(isGone
        ? nextSteps[purpose]
        : [{ before: '', href: '/account', label: 'Log in, then open the link again' }]
      ).map(({ before, href, label }) => (
        <li>
          {before}
          <Link href={href}>{label}</Link>
        </li>
      ))}
    </ul>
    {isGone && purpose === 'restore' && (
      <p>
        If someone else has your account and none of this helps, write to the people who run this service.
      </p>
    )}
  </section>
);
