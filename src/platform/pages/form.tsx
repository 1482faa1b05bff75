import type { PropsWithChildren } from 'hono/jsx';
import { type Failure, fieldFailures, headlineOf } from './failure.ts';
import { addressOf, Link } from './link.tsx';

const labels: Readonly<Record<string, string>> = {
  identifier: 'E-mail address or user name',
  email: 'E-mail address',
  password: 'Password',
  current_password: 'Current password',
  new_password: 'New password',
  code: 'Six-digit code',
};

const labelOf = (field: string): string => labels[field] ?? '';

type FieldProps = {
  name: string;
  type: 'email' | 'password' | 'text';
  autocomplete: string;
  label?: string;
  hint?: string;
  inputmode?: 'numeric';
  value?: string | undefined;
};

/** The fields of one form. After a failure they show its reasons and keep their values, except passwords. */
export const fieldsOf = (form: string, failure: Failure | undefined) => {
  const own = failure?.form === form ? failure : undefined;
  const failures = own ? fieldFailures(own) : [];

  return ({ name, type, label = labelOf(name), hint, value, ...rest }: FieldProps) => {
    const id = `${form}-${name}`;
    const reasons = failures.filter(({ field }) => field === name).map(({ reason }) => reason);
    const described = [hint && `${id}-hint`, reasons.length > 0 && `${id}-error`].filter(Boolean).join(' ');
    return (
      <div class="field">
        <label for={id}>{label}</label>
        {hint && (
          <p class="hint" id={`${id}-hint`}>
            {hint}
          </p>
        )}
        {reasons.length > 0 && (
          <ul class="reasons" id={`${id}-error`}>
            {reasons.map((reason) => (
              <li>{reason}</li>
            ))}
          </ul>
        )}
        <input
          id={id}
          name={name}
          type={type}
          value={type === 'password' ? undefined : (own?.values[name] ?? value)}
          required
          autocapitalize="none"
          spellcheck={false}
          aria-describedby={described || undefined}
          aria-invalid={reasons.length > 0 ? 'true' : undefined}
          {...rest}
        />
      </div>
    );
  };
};

export type FormProps = PropsWithChildren<{
  action: string;
  submit: string;
  hidden?: Record<string, string>;
  quiet?: boolean;
  of?: string;
}>;

/** A form that works without a script. The server validates it, so the browser's own validation is off. */
export const Form = ({ action, submit, hidden = {}, quiet = false, of, children }: FormProps) => (
  <form method="post" action={addressOf(action)} novalidate>
    {Object.entries(hidden).map(([name, value]) => (
      <input type="hidden" name={name} value={value} />
    ))}
    {children}
    <button type="submit" class={quiet ? 'quiet' : undefined}>
      {submit}
      {of && <span class="unseen"> {of}</span>}
    </button>
  </form>
);

/** The summary of a failure. It takes the focus when the page opens, and links to each field that it names. */
export const ErrorSummary = ({ failure }: { failure: Failure }) => {
  const failures = fieldFailures(failure).filter(({ field }) => labelOf(field) !== '');
  return (
    <div class="summary" role="alert" tabindex={-1} autofocus>
      <p>
        <strong>{headlineOf(failure)}</strong>
      </p>
      {failures.length > 0 && (
        <ul>
          {failures.map(({ field, reason }) => (
            <li>
              <Link href={`#${failure.form}-${field}`}>
                {labelOf(field)}: {reason}
              </Link>
            </li>
          ))}
        </ul>
      )}
    </div>
  );
};
