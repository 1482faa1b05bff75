import * as z from 'zod';
import { Email } from '../platform/schema/text.ts';

/** Which captured mails are read. */
export const MailboxQuery = z.object({
  to: Email.optional().meta({ description: 'only the e-mails to this address' }),
  after: z.iso.datetime().optional().meta({ description: 'only those of a later time' }),
});
