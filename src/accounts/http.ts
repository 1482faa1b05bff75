import type { Config } from '../platform/config/schema.ts';
import type { ChallengedRoute } from '../platform/config/values.ts';
import { type Reasons, reasonsFor } from '../platform/http/reasons.ts';
import { SignupBody } from '../sessions/schema.ts';
import { tokenReasons } from './rules/challenge.ts';
import type { Accounts } from './service.ts';

/** What else is wrong with a sign-up that its schema refuses, for the API and the pages. */
export const signUpReasons = ({ signUpReasons: find }: Pick<Accounts, 'signUpReasons'>) =>
  reasonsFor(SignupBody, (ctx, { email = '', username = null, password = null, turnstile_token = null }) =>
    find(ctx, { email, username, password, turnstileToken: turnstile_token }),
  );

/** Also reports a missing token where a route needs one and its schema refuses the body. */
export const tokenReasonsOf =
  ({ turnstile }: Pick<Config, 'turnstile'>, route: ChallengedRoute): Reasons =>
  async (_, given) =>
    tokenReasons(
      turnstile?.routes.includes(route) ?? false,
      (given as { turnstile_token?: unknown } | null)?.turnstile_token,
    );
