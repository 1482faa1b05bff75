import {
  canonicalEmail,
  type ManagedUser,
  type NewUser,
  withPasswordAge,
} from '../../accounts/rules/account.ts';
import type { PrepareToken } from '../../emails/rules.ts';
import type { MailQueue } from '../../mail/rules/outbox.ts';
import { hashCaller, type PasswordHasher } from '../../passwords/rules/hash-lane.ts';
import type { CheckPassword } from '../../passwords/service/check.ts';
import type { PermittedContext } from '../../platform/context.ts';
import { assertDone } from '../../platform/refusals.ts';
import type { RoleRepository } from '../../roles/sql.ts';
import type { UserRepository } from '../sql/users.ts';
import { doneOf } from './outcome.ts';

export type CreateUserRequest = {
  readonly email: string;
  readonly username: string | null;
  readonly roles: readonly string[];
  /** The first one, which its owner has to change; null sends an invitation to choose one. */
  readonly password: string | null;
};

export type CreatedUser = {
  readonly made: NewUser;
  /** Null where the actor may not read accounts. */
  readonly user: ManagedUser | null;
};

type Deps = {
  readonly users: Pick<UserRepository, 'create'>;
  readonly roles: Pick<RoleRepository, 'authorize'>;
  readonly checkPassword: CheckPassword;
  readonly hasher: Pick<PasswordHasher, 'hash' | 'refuseIfFull'>;
  readonly prepareToken: PrepareToken;
  readonly mailQueue: MailQueue;
  readonly verification: 'off' | 'optional' | 'required';
  readonly passwordMaxAgeDays: number | null;
};

/**
 * Makes an account for somebody else.
 * @throws AppError `weak_password`, `email_taken`, `username_taken`, `validation_failed` for a role that does not exist,
 * `forbidden` for one that allows more than the actor may, `overloaded`, and what ends a session
 */
export const createCreateUser = (deps: Deps) => {
  const { users, checkPassword, hasher, prepareToken, mailQueue, verification, passwordMaxAgeDays } = deps;

  return async (ctx: PermittedContext, request: CreateUserRequest): Promise<CreatedUser> => {
    const { username, password } = request;
    const email = canonicalEmail(request.email);
    const caller = hashCaller(ctx, 'administration', email);
    if (password !== null) {
      // The statement that creates the account asks again. Without this, anybody with a session could have us hash.
      hasher.refuseIfFull(caller);
      assertDone(await deps.roles.authorize(ctx));
      await checkPassword(ctx, { caller, password, email, username });
    }
    const invites = password === null;
    const passwordHash = invites ? null : await hasher.hash(password, caller);
    const token =
      invites || verification !== 'off' ? await prepareToken(ctx.now, invites ? null : email) : null;
    const roles = [...new Set(request.roles)];
    const outcome = await users.create(ctx, { email, username, roles, passwordHash, token });
    const { made, account } = doneOf(outcome);
    if (token) ctx.defer('hand a mail over', mailQueue.enqueue([token.outboxId]));
    return { made, user: account && withPasswordAge(account, passwordMaxAgeDays, ctx.now) };
  };
};
