import type { RequestContext } from '../../platform/context.ts';
import { AppError, type FieldError } from '../../platform/errors.ts';
import { hexOf } from '../../platform/rules/hex.ts';
import type { PasswordDictionary } from '../rules/dictionary.ts';
import type { HashCaller, PasswordHasher } from '../rules/hash-lane.ts';
import {
  canonicalPassword,
  type EstimateStrength,
  guessableWords,
  leakedProblem,
  type PasswordPolicy,
  type PasswordProblem,
  passwordProblems,
  strengthProblems,
} from '../rules/password-policy.ts';

/** A password that is to be set. An address that is not known is empty. */
export type ProposedPassword = {
  /** The caller whose turn the judgement takes, because it keeps the thread as a hash does. */
  readonly caller: HashCaller;
  readonly password: string;
  readonly email: string;
  readonly username: string | null;
  /** The password that this one replaces, where it is known in clear. */
  readonly current?: string;
  /** The member of the request body that the reasons point at; `password` by default. */
  readonly member?: string;
};

/**
 * Finds the reasons why a password may not be set, but for leaks.
 * @throws AppError `overloaded`, `timeout`, `service_unavailable` without the dictionary
 */
export type JudgePassword = (proposed: ProposedPassword) => Promise<readonly FieldError[]>;

/**
 * Refuses a password that may not be set, with every reason.
 * @param others reasons for which the caller refuses the request in any case; they are told along
 * @throws AppError `weak_password`, `overloaded`, `timeout`, `service_unavailable` without the dictionary
 */
export type CheckPassword = (
  ctx: RequestContext,
  proposed: ProposedPassword,
  others?: readonly FieldError[],
) => Promise<void>;

/**
 * Loads what estimates the strength of a password.
 * @throws AppError `service_unavailable` without the dictionary, `timeout`
 */
type LoadEstimate = (signal?: AbortSignal) => Promise<EstimateStrength>;

/** The estimator is made with the first password that is set; an isolate that sees only logins never makes it. */
export const createLoadEstimate = (
  readDictionary: (signal?: AbortSignal) => Promise<PasswordDictionary>,
): LoadEstimate => {
  let estimate: EstimateStrength | undefined;
  return async (signal) => {
    if (estimate) return estimate;
    const dictionary = await readDictionary(signal);
    const { createEstimateStrength } = await import('./strength.ts');
    estimate ??= createEstimateStrength(dictionary);
    return estimate;
  };
};

type JudgeOptions = {
  readonly policy: PasswordPolicy;
  readonly inTurn: PasswordHasher['inTurn'];
  readonly loadEstimate: LoadEstimate;
};

type Options = JudgeOptions & {
  /** Null where leaked passwords are not looked up. */
  readonly isLeaked: ((ctx: RequestContext, password: string) => Promise<boolean>) | null;
};

const reasonsOf = (member: string, problems: readonly PasswordProblem[]): readonly FieldError[] =>
  problems.map((problem) => ({ pointer: `/${member}`, ...problem }));

export const createJudgePassword =
  ({ policy, inTurn, loadEstimate }: JudgeOptions): JudgePassword =>
  async ({ caller, member = 'password', ...choice }) => {
    const estimateStrength = await loadEstimate(caller.signal);
    const judge = () => [
      ...passwordProblems(choice, policy),
      ...strengthProblems(estimateStrength(canonicalPassword(choice.password), guessableWords(choice))),
    ];
    return reasonsOf(member, await inTurn(judge, caller));
  };

/**
 * Checks a password that is to be set, never one that is compared: an account with a weaker one from before can still
 * log in. It knows what was typed and asks no database, so that its time does not tell which accounts exist.
 */
export const createCheckPassword = ({ isLeaked, ...options }: Options): CheckPassword => {
  const judge = createJudgePassword(options);
  /** Looked up last: not even five digits of the hash of a password that is refused anyway need to leave. */
  const leaks = async (ctx: RequestContext, { password, member = 'password' }: ProposedPassword) =>
    (await isLeaked?.(ctx, canonicalPassword(password))) ? reasonsOf(member, [leakedProblem]) : [];

  return async (ctx, proposed, others = []) => {
    const judged = await judge(proposed);
    const isRefused = judged.length > 0 || others.length > 0;
    const reasons = isRefused ? judged : await leaks(ctx, proposed);
    if (reasons.length > 0) throw new AppError('weak_password', { errors: [...reasons, ...others] });
  };
};

const rangeUrl = 'https://api.pwnedpasswords.com/range/';
const prefixLength = 5;
const entry = /^([0-9A-F]{35}):(\d+)$/;

const sha1Hex = async (text: string): Promise<string> => {
  const digest = await crypto.subtle.digest('SHA-1', new TextEncoder().encode(text));
  return hexOf(digest).toUpperCase();
};

/**
 * Looks a password up in the Pwned Passwords by the first five digits of its SHA-1 (k-anonymity). Without an answer the
 * password counts as not leaked, because an outage elsewhere must not stop sign-ups; the log records it.
 * @throws AppError `timeout` with its request
 * @see https://haveibeenpwned.com/API/v3#PwnedPasswords
 */
export const createPwnedPasswords =
  ({ fetch, timeoutMs = 1_500 }: { readonly fetch: typeof globalThis.fetch; readonly timeoutMs?: number }) =>
  async ({ signal, log }: Pick<RequestContext, 'signal' | 'log'>, password: string): Promise<boolean> => {
    // Only our own words are logged: an error from elsewhere might quote the address, and with it the hash.
    const notAsked = (reason: string) => {
      log.warn('the Pwned Passwords could not be asked', { reason });
      return false;
    };

    const hash = await sha1Hex(password);
    const timeLimit = AbortSignal.timeout(timeoutMs);
    try {
      const response = await fetch(rangeUrl + hash.slice(0, prefixLength), {
        // Padding hides the range from an observer who counts bytes; the API requires a user agent.
        headers: { 'Add-Padding': 'true', 'User-Agent': 'itsor' },
        signal: AbortSignal.any([signal, timeLimit]),
      });
      if (!response.ok) return notAsked(`answered ${response.status}`);
      const entries = (await response.text()).split('\n').flatMap((line) => {
        const [, suffix, count] = entry.exec(line.trim()) ?? [];
        return suffix === undefined ? [] : [{ suffix, count: Number(count) }];
      });
      // No range is empty, so an answer without entries is a fault.
      if (entries.length === 0) return notAsked('answered without a list');
      return entries.some(({ suffix, count }) => suffix === hash.slice(prefixLength) && count > 0);
    } catch (cause) {
      if (signal.aborted) throw new AppError('timeout', { cause });
      return notAsked(timeLimit.aborted ? `no answer within ${timeoutMs} ms` : 'cannot be reached');
    }
  };
