import { erasureOf } from '../accounts/rules/erasure.ts';
import type { Container } from '../container.ts';
import { hashCaller } from '../passwords/rules/hash-lane.ts';
import type { Passwords } from '../passwords/service.ts';
import type { PermittedContext } from '../platform/context.ts';
import type { FieldError } from '../platform/errors.ts';
import { authorize } from './sql/authority.ts';
import { createUserDirectory } from './sql/user-directory.ts';
import { createUserSql, type WrittenUser } from './sql/users.ts';

export type CreateUserRequest = {
  readonly email: string;
  readonly username: string | null;
  readonly roles: readonly string[];
  /** The first password, which its owner has to change; null sends an invitation to choose one. */
  readonly password: string | null;
};

export type Administration = ReturnType<typeof createAdministration>;

/** What administrators do with other accounts. */
export const createAdministration = (container: Container, passwords: Pick<Passwords, 'check' | 'judge'>) => {
  const { db, gate, newId, config, hasher, prepareToken, mailQueue, agenda } = container;
  const parts = { db, gate, newId, passwordMaxAgeDays: config.password.maxAgeDays };
  const users = createUserSql(parts);
  const { list, read } = createUserDirectory(parts);

  return {
    list,
    read,
    edit: users.edit,
    endSessions: users.endSessions,

    /**
     * What is wrong with the first password of an account whose other members are refused. It asks for the permission
     * first, as `create` does.
     */
    passwordReasons: async (
      ctx: PermittedContext,
      { email, username, password }: Omit<CreateUserRequest, 'roles'>,
    ): Promise<readonly FieldError[]> => {
      if (password === null) return [];
      await authorize(db, gate, ctx);
      return passwords.judge({ caller: hashCaller(ctx, 'administration', email), password, email, username });
    },

    /**
     * Creates an account for another person.
     * @throws AppError `weak_password`, `overloaded`, and what the statement refuses with
     */
    create: async (ctx: PermittedContext, request: CreateUserRequest): Promise<WrittenUser> => {
      const { email, username, password, roles } = request;
      const caller = hashCaller(ctx, 'administration', email);
      if (password !== null) {
        // The statement that creates the account asks for the permission again. Asking here keeps a person without it
        // from making the server hash.
        hasher.refuseIfFull(caller);
        await authorize(db, gate, ctx);
        await passwords.check(ctx, { caller, password, email, username });
      }
      const invites = password === null;
      const passwordHash = invites ? null : await hasher.hash(password, caller);
      const isMailed = invites || config.email.verification !== 'off';
      const token = isMailed ? await prepareToken(ctx.now, invites ? null : email) : null;
      const written = await users.create(ctx, { email, username, roles, passwordHash, token });
      if (token) ctx.defer('hand a mail over', mailQueue.enqueue([token.outboxId]));
      return written;
    },

    /** Deletes an account and its personal data, and mails its owner. @throws AppError as the statement does */
    remove: async (ctx: PermittedContext, id: string, ifMatch: readonly string[] | null): Promise<void> => {
      const outboxId = newId(ctx.now);
      await users.remove(ctx, id, { ifMatch, outboxId });
      ctx.defer('hand a mail over', mailQueue.enqueue([outboxId]));
      ctx.defer('finish a deletion', agenda.set([erasureOf(id, ctx.now)]));
    },
  };
};
