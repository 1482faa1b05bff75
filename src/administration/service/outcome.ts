import { AppError } from '../../platform/errors.ts';
import { refusalError } from '../../platform/refusals.ts';
import type { EditOutcome } from '../sql/users.ts';

type Done = Extract<EditOutcome, { kind: 'done' }>;

/** What was written, as far as the actor may read it. @throws AppError that says why nothing was */
export const doneOf = (outcome: EditOutcome): Done => {
  switch (outcome.kind) {
    case 'done':
      return outcome;
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
