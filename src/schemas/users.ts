import * as z from 'zod';
import type { Account } from '../domain/account.ts';
import { Email, Id, Instant, Username } from './text.ts';

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
