import type { Account } from '../accounts/rules/account.ts';

/** What an account may do now. One that has to choose another password may do nothing until then. */
export const permissionsInForce = ({
  permissions,
  mustChangePassword,
}: Pick<Account, 'permissions' | 'mustChangePassword'>): readonly string[] =>
  mustChangePassword ? [] : permissions;
