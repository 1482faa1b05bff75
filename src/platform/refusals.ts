import { AppError } from './errors.ts';

/** Why a statement did nothing, with the error that tells the client. Refusals of the session come first. */
export const refusals = {
  session_revoked: ['session_revoked'],
  account_disabled: ['account_disabled'],
  email_not_verified: ['email_not_verified'],
  password_change_required: ['password_change_required'],
  forbidden: ['forbidden'],
  not_found: ['not_found'],
  email_taken: ['email_taken'],
  changed: ['precondition_failed'],
  unknown_role: [
    'validation_failed',
    { errors: [{ pointer: '/roles', code: 'unknown_role', detail: 'at least one of them does not exist' }] },
  ],
  account_changed: [
    'conflict',
    { detail: 'The account has been changed in the meantime; look at it and try again.' },
  ],
  holds_more: ['forbidden', { detail: 'The account has permissions that you do not have.' }],
  grants_more: ['forbidden', { detail: 'You cannot give permissions that you do not have.' }],
  role_holds_more: ['forbidden', { detail: 'The role has permissions that you do not have.' }],
  role_is_held: [
    'forbidden',
    { detail: 'Accounts have this role, so changing it changes them and needs users:write too.' },
  ],
  holder_holds_more: [
    'forbidden',
    { detail: 'An account that has this role has permissions that you do not have.' },
  ],
  sign_up_role: [
    'conflict',
    { detail: 'Every new account gets this role, so it cannot have administrative permissions.' },
  ],
  own_authority: [
    'conflict',
    {
      detail:
        'You cannot remove your own permissions; another administrator can, and DELETE /users/me deletes your account.',
    },
  ],
  last_administrator: ['conflict', { detail: 'This is the last administrator; make another one first.' }],
  last_way_in: [
    'conflict',
    { detail: 'It is the only way to log in to the account; choose a password first.' },
  ],
  built_in: ['conflict', { detail: 'The service relies on this role, so this change is refused.' }],
  in_use: ['conflict', { detail: 'Accounts have this role; take it from them first.' }],
} as const satisfies Record<string, Readonly<ConstructorParameters<typeof AppError>>>;

/** Null: the statement did what it was asked to do. */
export type Refusal = keyof typeof refusals | null;

export const refusalError = (refusal: Exclude<Refusal, null>): AppError => {
  const [code, options]: Readonly<ConstructorParameters<typeof AppError>> = refusals[refusal];
  return new AppError(code, options);
};
