import type { RequestContext } from '../../platform/context.ts';
import { AppError } from '../../platform/errors.ts';
import { guessableWords } from '../rules/account-words.ts';
import type { HashCaller } from '../rules/hash-lane.ts';
import type { PasswordHasher } from '../rules/password-hasher.ts';
import {
  canonicalPassword,
  leakedProblem,
  type PasswordPolicy,
  passwordProblems,
  type StrengthEstimate,
  strengthProblems,
} from '../rules/password-policy.ts';

/** Refuses a password that may not be set, with every reason. @throws AppError `weak_password`, `overloaded`, `timeout` */
export type CheckPassword = (
  ctx: RequestContext,
  request: {
    /** Whose turn the judgement takes: it keeps the thread as a hash does. */
    readonly caller: HashCaller;
    readonly password: string;
    readonly email: string;
    readonly username: string | null;
    /** The one it replaces, where that is known in clear. */
    readonly current?: string;
    /** The member of the request body that the reasons point at; `password` unless told. */
    readonly member?: string;
  },
) => Promise<void>;

type Deps = {
  readonly policy: PasswordPolicy;
  /** Loads the dictionary, which a login need not wait for. */
  readonly loadEstimator: () => Promise<
    (password: string, knownWords: readonly string[]) => StrengthEstimate
  >;
  readonly inTurn: PasswordHasher['inTurn'];
  /** Null where leaked passwords are not looked up. */
  readonly isLeaked: ((ctx: RequestContext, password: string) => Promise<boolean>) | null;
};

/**
 * For setting a password, never for comparing one: who has a weaker one from before can still log in.
 * It knows what was typed and no database, so that its time tells nothing of accounts.
 */
export const createCheckPassword =
  ({ policy, loadEstimator, inTurn, isLeaked }: Deps): CheckPassword =>
  async (ctx, { caller, member = 'password', ...choice }) => {
    const password = canonicalPassword(choice.password);
    const estimateStrength = await loadEstimator();
    const judge = () => [
      ...passwordProblems(choice, policy),
      ...strengthProblems(estimateStrength(password, guessableWords(choice))),
    ];
    const problems = await inTurn(judge, caller);
    // Asked of others last: a password that is refused anyway need not leave even five digits of its hash.
    if (problems.length === 0 && (await isLeaked?.(ctx, password))) problems.push(leakedProblem);
    if (problems.length === 0) return;
    throw new AppError('weak_password', {
      errors: problems.map((problem) => ({ pointer: `/${member}`, ...problem })),
    });
  };
