import { AppError, type ErrorCode } from './errors.ts';

/** Why a statement over the affairs of others did nothing, with the error that says so; the session's come first. */
const refusals = {
  session_revoked: ['session_revoked'],
  account_disabled: ['account_disabled'],
  email_not_verified: ['email_not_verified'],
  password_change_required: ['password_change_required'],
  forbidden: ['forbidden'],
  not_found: ['not_found'],
  changed: ['precondition_failed'],
  account_changed: ['conflict', 'The account has been changed in the meantime; look at it and try again.'],
  holds_more: ['forbidden', 'The account may do things that you may not.'],
  grants_more: ['forbidden', 'You cannot give permissions that you do not have.'],
  role_holds_more: ['forbidden', 'The role allows things that you may not do.'],
  role_is_held: [
    'forbidden',
    'Accounts have this role, so changing it changes them and needs users:write too.',
  ],
  holder_holds_more: ['forbidden', 'An account that has this role may do things that you may not.'],
  sign_up_role: ['conflict', 'Every sign-up gets this role, so it cannot allow what administrators do.'],
  own_authority: [
    'conflict',
    'You cannot remove your own permissions; another administrator can, and DELETE /users/me deletes your account.',
  ],
  last_administrator: ['conflict', 'This is the last administrator; make another one first.'],
  last_way_in: ['conflict', 'It is the only way to log in to the account; choose a password first.'],
  built_in: ['conflict', 'The service relies on this role; it stays as it is.'],
  in_use: ['conflict', 'Accounts have this role; take it from them first.'],
} as const satisfies Record<string, readonly [ErrorCode, string?]>;

/** Null: it did what it was asked to. */
export type Refusal = keyof typeof refusals | null;

export const refusalError = (refusal: Exclude<Refusal, null>): AppError => {
  const [code, detail] = refusals[refusal] as readonly [ErrorCode, string?];
  return new AppError(code, detail === undefined ? {} : { detail });
};

/** @throws AppError for anything but null */
export function assertDone(refusal: Refusal): asserts refusal is null {
  if (refusal !== null) throw refusalError(refusal);
}
