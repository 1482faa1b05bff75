import type { Config } from '../config/schema.ts';
import type { ChallengedRoute } from '../config/values.ts';
import { Form, type FormProps } from './form.tsx';

/** The challenge of a form: null where it has none. Without a site key the page cannot show the widget. */
export type FormChallenge = { readonly siteKey: string | null } | null;

/** @returns the challenge that the configuration asks for in front of a route */
export const createChallengeOf =
  ({ turnstile }: Pick<Config, 'turnstile'>) =>
  (route: ChallengedRoute): FormChallenge =>
    turnstile?.routes.includes(route) ? turnstile : null;

/** Whether one of the forms of a page shows the widget. */
export const hasWidget = (...challenges: readonly FormChallenge[]): boolean =>
  challenges.some((challenge) => challenge !== null && challenge.siteKey !== null);

/** A form with the widget of Turnstile, which puts its token into the form under the name that the API has for it. */
export const ChallengedForm = ({
  challenge,
  children,
  ...form
}: FormProps & { challenge: FormChallenge }) => {
  if (challenge === null) return <Form {...form}>{children}</Form>;
  if (challenge.siteKey === null) return <NoWidget />;
  return (
    <Form {...form}>
      {children}
      <div class="cf-turnstile" data-sitekey={challenge.siteKey} data-response-field-name="turnstile_token" />
      <noscript>
        <p>For this form, your browser has to allow JavaScript.</p>
      </noscript>
    </Form>
  );
};

/** For people whose service has the challenge on, but not on this page. */
const NoWidget = () => (
  <p>
    This is not possible on this page: it would have to check that you are a person, and that check is not set
    up here. Please use the form on our site, or write to the people who run this service.
  </p>
);
