import type { Failure } from '../../platform/pages/failure.ts';
import { Form, fieldsOf } from '../../platform/pages/form.tsx';

type CodeFormProps = { action: string; email?: string; failure: Failure | undefined };

/** With an address that is known, the code is all there is to type. */
export const CodeForm = ({ action, email, failure }: CodeFormProps) => {
  const Field = fieldsOf('code', failure);
  return (
    <Form action={action} submit="Confirm" hidden={email === undefined ? {} : { email }}>
      {email === undefined && <Field name="email" type="email" autocomplete="email" />}
      <Field name="code" type="text" autocomplete="one-time-code" inputmode="numeric" />
    </Form>
  );
};

/** For an address that is known: one button. */
export const ResendForm = ({ email }: { email: string }) => (
  <Form action="/verify-email/resend" submit="Send the message again" hidden={{ email }} quiet />
);

/** Waits for a press of the button: mail scanners open links, and a link that they used up would be dead. */
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

export const VerifyByCode = ({ failure }: { failure: Failure | undefined }) => {
  const Resend = fieldsOf('resend', failure);
  return (
    <>
      <section aria-labelledby="by-code">
        <h2 id="by-code">Type the code</h2>
        <CodeForm action="/verify-email/code" failure={failure} />
      </section>
      <section aria-labelledby="again">
        <h2 id="again">No message, or has it expired?</h2>
        <Form action="/verify-email/resend" submit="Send a new one" quiet>
          <Resend name="email" type="email" autocomplete="email" />
        </Form>
      </section>
      <p>
        <a href="/account">To your account</a>
      </p>
    </>
  );
};
