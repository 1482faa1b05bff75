import type { CheckPassword, RequestContext } from '../../context.ts';
import { guessableWords } from '../../domain/account-words.ts';
import type { HashCaller } from '../../domain/hash-lane.ts';
import {
  canonicalPassword,
  leakedProblem,
  type PasswordPolicy,
  passwordProblems,
  type StrengthEstimate,
  strengthProblems,
} from '../../domain/password-policy.ts';
import { AppError } from '../../errors.ts';

type Deps = {
  readonly policy: PasswordPolicy;
  readonly estimateStrength: (
    caller: HashCaller,
    password: string,
    knownWords: readonly string[],
  ) => Promise<StrengthEstimate>;
  /** Null where leaked passwords are not looked up. */
  readonly isLeaked: ((ctx: RequestContext, password: string) => Promise<boolean>) | null;
};

/**
 * For setting a password, never for comparing one: who has a weaker one from before can still log in.
 * It knows what was typed and no database, so that its time tells nothing of accounts.
 */
export const createCheckPassword =
  ({ policy, estimateStrength, isLeaked }: Deps): CheckPassword =>
  async (ctx, { caller, member = 'password', ...choice }) => {
    const password = canonicalPassword(choice.password);
    const problems = [
      ...passwordProblems(choice, policy),
      ...strengthProblems(await estimateStrength(caller, password, guessableWords(choice))),
    ];
    // Asked of others last: a password that is refused anyway need not leave even five digits of its hash.
    if (problems.length === 0 && (await isLeaked?.(ctx, password))) problems.push(leakedProblem);
    if (problems.length === 0) return;
    throw new AppError('weak_password', {
      errors: problems.map((problem) => ({ pointer: `/${member}`, ...problem })),
    });
  };
