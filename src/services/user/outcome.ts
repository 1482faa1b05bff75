import type { ManagedAccount } from '../../domain/account.ts';
import { AppError } from '../../errors.ts';
import { refusalError } from '../../refusals.ts';
import type { EditOutcome } from '../../repositories/users.ts';

/** The account that was written. @throws AppError that says why none was */
export const accountOf = (outcome: EditOutcome): ManagedAccount => {
  switch (outcome.kind) {
    case 'done':
      return outcome.account;
    case 'refused':
      throw refusalError(outcome.refusal);
    case 'unknown_role':
      throw new AppError('validation_failed', {
        errors: [{ pointer: '/roles', code: 'unknown_role', detail: 'at least one of them does not exist' }],
      });
    case 'email_taken':
    case 'username_taken':
      throw new AppError(outcome.kind);
  }
};
