import { Form } from '../../platform/pages/form.tsx';

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
