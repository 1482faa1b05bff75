import * as z from 'zod';
import { canonicalEmail } from '../../platform/rules/typed-text.ts';
import { pageQueryBy } from '../../platform/schema/page.ts';
import { Email, Id, Instant, Password, text, Username } from '../../platform/schema/text.ts';
import { RoleName } from '../../roles/schema.ts';
import type {
  Account,
  ManagedUser as ManagedUserRecord,
  NewUser as NewUserRecord,
} from '../rules/account.ts';

export const User = z
  .object({
    id: Id,
    email: Email,
    username: Username.nullable(),
    email_verified: z.boolean(),
    roles: z.array(z.string()),
    permissions: z.array(z.string()),
    created_at: Instant,
    password_changed_at: Instant.nullable(),
    must_change_password: z.boolean(),
  })
  .meta({ id: 'User' });

export const userResponse = (account: Account): z.infer<typeof User> => ({
  id: account.id,
  email: account.email,
  username: account.username,
  email_verified: account.emailVerified,
  roles: [...account.roles],
  permissions: [...account.permissions],
  created_at: account.createdAt.toISOString(),
  password_changed_at: account.passwordChangedAt?.toISOString() ?? null,
  must_change_password: account.mustChangePassword,
});

export const ManagedUser = User.extend({ disabled: z.boolean(), updated_at: Instant }).meta({
  id: 'ManagedUser',
});

export const managedUserResponse = (user: ManagedUserRecord): z.infer<typeof ManagedUser> => ({
  ...userResponse(user),
  disabled: user.disabled,
  updated_at: user.updatedAt.toISOString(),
});

/** For administrators who may create accounts but not read them. */
const NewUser = User.pick({ id: true, email: true, username: true, roles: true, created_at: true }).meta({
  id: 'NewUser',
});

export const newUserResponse = (made: NewUserRecord): z.infer<typeof NewUser> => ({
  id: made.id,
  email: made.email,
  username: made.username,
  roles: [...made.roles],
  created_at: made.createdAt.toISOString(),
});

export const CreatedUser = z.union([ManagedUser, NewUser]);

export const UserList = z.object({ items: z.array(ManagedUser), next_cursor: z.string().nullable() });

export const UserParams = z.strictObject({ id: Id });

const prefix = text()
  .overwrite(canonicalEmail)
  .min(1, 'must not be empty')
  .max(254, 'at most 254 characters')
  .meta({
    description: 'the beginning of an e-mail address or a user name; a domain outside ASCII has to be whole',
    examples: ['ada'],
  });

/** The cursor is an id where everything is listed, and the last match where a prefix is searched for. */
export const UserQuery = pageQueryBy(text().min(1).max(254))
  .extend({ q: prefix.optional() })
  .refine(({ q, cursor }) => q !== undefined || cursor === undefined || Id.safeParse(cursor).success, {
    message: 'must be what next_cursor said',
    path: ['cursor'],
  });

const roleNames = z.array(RoleName).max(32, 'at most 32 roles');

export const CreateUserBody = z.strictObject({
  email: Email,
  username: Username.optional(),
  roles: roleNames.default(['user']),
  password: Password.optional().meta({
    description: 'the first one, which its owner has to change; without it an invitation is mailed',
  }),
});

export const EditUserBody = z
  .strictObject({
    roles: roleNames.optional(),
    disabled: z.boolean().optional(),
    must_change_password: z.boolean().optional(),
    username: Username.nullable().optional(),
    password: z.null('can only be null, which takes it away').optional().meta({
      description:
        'null removes it, with every identity, every session and everything that was asked for; a reset by mail sets another one',
    }),
  })
  .refine((edit) => Object.keys(edit).length > 0, {
    message: 'nothing to change',
    params: { code: 'required' },
  });

export const EditMeBody = z.strictObject({ username: Username.nullable() });
export const DeleteMeBody = z.strictObject({ password: Password });
