import { Form } from './form.tsx';

export const RestoreEmail = ({ token }: { token: string }) => (
  <section>
    <p>
      The e-mail address of your account was changed. Press the button to undo the change: your account gets
      its old address back, every device is logged out, and the old password stops working, because someone
      else may know it. On the next page you choose a new password; you have 30 minutes for it.
    </p>
    <p>If you made the change yourself, close this page and nothing happens.</p>
    <Form action="/restore-email" submit="Undo the change" hidden={{ token }} />
  </section>
);
