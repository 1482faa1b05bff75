import type { PasswordHasher, RequestContext } from '../../context.ts';
import { canonicalEmail } from '../../domain/account.ts';
import { type PasswordPolicy, passwordProblems } from '../../domain/password-policy.ts';
import { type IssuedTokens, type IssueTokens, newSession, type SessionPolicy } from '../../domain/session.ts';
import { AppError } from '../../errors.ts';
import type { AccountRepository } from '../../repositories/accounts.ts';

export type SignupRequest = {
  readonly email: string;
  readonly password: string;
  readonly username: string | null;
};

type Deps = {
  readonly accounts: Pick<AccountRepository, 'create'>;
  readonly hasher: Pick<PasswordHasher, 'hash'>;
  readonly issueTokens: IssueTokens;
  readonly sessionPolicy: SessionPolicy;
  readonly passwordPolicy: PasswordPolicy;
  readonly newId: (now: Date) => string;
};

/**
 * Makes an account and its first session.
 * @throws AppError `weak_password`, `email_taken`, `username_taken`, `overloaded`
 */
export const createSignup =
  ({ accounts, hasher, issueTokens, sessionPolicy, passwordPolicy, newId }: Deps) =>
  async (ctx: RequestContext, { email, password, username }: SignupRequest): Promise<IssuedTokens> => {
    const problems = passwordProblems(password, passwordPolicy);
    if (problems.length > 0) {
      const errors = problems.map((problem) => ({ pointer: '/password', ...problem }));
      throw new AppError('weak_password', { errors });
    }
    const outcome = await accounts.create(ctx, {
      email: canonicalEmail(email),
      username,
      passwordHash: await hasher.hash(password),
      session: newSession(newId(ctx.now), '', sessionPolicy, ctx.now),
    });
    if (outcome.kind !== 'created') throw new AppError(outcome.kind);
    return issueTokens(outcome, ctx.now);
  };
