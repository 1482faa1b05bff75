import { Form } from './form.tsx';

export const RestoreEmail = ({ token }: { token: string }) => (
  <section>
    <p>
      The e-mail address of your account was changed, and you have opened the link that undoes it. Your
      account then has its old address again, every device is logged out, and the password is gone, as someone
      else may know it. You choose a new one on the next page.
    </p>
    <p>If you made the change yourself, close this page and nothing happens.</p>
    <Form action="/restore-email" submit="Undo the change" hidden={{ token }} />
  </section>
);
