import { ChallengedForm, type FormChallenge } from '../platform/pages/challenge.tsx';
import type { Failure } from '../platform/pages/failure.ts';
import { Form, fieldsOf } from '../platform/pages/form.tsx';
import { Link } from '../platform/pages/link.tsx';

type ForgotProps = { failure: Failure | undefined; challenge: FormChallenge };

export const ForgotPassword = ({ failure, challenge }: ForgotProps) => {
  const Field = fieldsOf('forgot', failure);
  return (
    <section>
      <ChallengedForm action="/forgot-password" submit="Send the link" challenge={challenge}>
        <p>Enter the e-mail address of your account. We will send you a link to choose a new password.</p>
        <Field name="email" type="email" autocomplete="email" />
      </ChallengedForm>
      <p>
        <Link href="/account">Back to the login</Link>
      </p>
    </section>
  );
};

type ResetProps = { token: string; minPasswordLength: number; failure: Failure | undefined };

export const ResetPassword = ({ token, minPasswordLength, failure }: ResetProps) => {
  const Field = fieldsOf('reset', failure);
  return (
    <section>
      <p>Setting a new password logs out every device.</p>
      <Form action="/reset-password" submit="Set the new password" hidden={{ token }}>
        <Field
          name="password"
          type="password"
          autocomplete="new-password"
          label="New password"
          hint={`At least ${minPasswordLength} characters. A few unrelated words make a good password.`}
        />
      </Form>
      <p>
        <Link href="/account">Back to the login</Link>
      </p>
    </section>
  );
};
