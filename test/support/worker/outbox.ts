import { v7 as uuidv7 } from 'uuid';
import { inject } from 'vitest';
import { createOneTimeTokens } from '../../../src/emails/one-time-tokens.ts';
import type { MailContent } from '../../../src/mail/rules/outbox.ts';
import { createMail } from '../../../src/mail/service.ts';
import { createDeadLetterSql } from '../../../src/mail/sql/dead-letters.ts';
import { createOutboxSql } from '../../../src/mail/sql/outbox.ts';
import { Secret } from '../../../src/platform/config/secret.ts';
import type { LogFields, Logger } from '../../../src/platform/context.ts';
import { createMacKeys } from '../../../src/platform/crypto/derived-keys.ts';
import { createDatabase } from '../../../src/platform/db/client.ts';
import { noMetrics } from '../../../src/platform/rules/metrics.ts';
import { newEmail } from './client.ts';
import { sql } from './database.ts';

const database = createDatabase({
  url: new Secret(inject('databaseUrl')),
  endpoint: inject('neonEndpoint'),
});
export const outbox = createOutboxSql({ db: database });
export const deadLetters = createDeadLetterSql({ db: database });

const secretKeys = [new Secret('the secret of these tests')];

type Parts = Parameters<typeof createMail>[0];

/** Mail with a clock, a log and a mailer of the test's. The limiter admits everything, unless the test has its own. */
export const createTestMail = (
  parts: Pick<Parts, 'clock' | 'log' | 'mailer'> & Partial<Pick<Parts, 'limiter'>>,
  given = outbox,
) =>
  createMail(
    {
      config: {
        email: {
          verification: 'required',
          provider: { kind: 'capture', from: null, mailboxUrl: 'http://localhost:3002/dev/mailbox' },
          recipientBudget: { hourlyMax: 20, dailyMax: 50 },
        },
        origins: {
          api: null,
          basePath: '',
          ownUrl: 'http://localhost:3002',
          appUrl: 'https://app.example.com',
          host: 'localhost',
          allowed: [],
          allowedHeaders: [],
          anyLoopback: false,
        },
      },
      db: database,
      metrics: noMetrics,
      limiter: { hit: async () => ({ admitted: true, remaining: 1, resetSeconds: 1 }) },
      oneTimeTokens: createOneTimeTokens(createMacKeys(secretKeys, 'one-time-token')),
      secretKeys,
      random: () => 0,
      ...parts,
    },
    given,
  );

/** Far from the time of the other tests, so that their sweeps leave these mails alone. */
export const farFuture = new Date('2090-01-01T00:00:00.000Z');

export const plain: MailContent = {
  template: 'password_changed',
  details: { ip: '203.0.113.7', user_agent: null },
};

export type OutboxRow = {
  id: string;
  attempts: number;
  next_attempt_at: Date;
  sent_at: Date | null;
  failed_at: Date | null;
  last_error: string | null;
};

/** Inserts a mail that is due at once. @returns its id and recipient */
export const newMail = async (createdAt: Date, { template, details }: MailContent = plain) => {
  const [id, recipient] = [uuidv7({ msecs: createdAt.getTime() }), newEmail()];
  await sql`insert into outbox (id, recipient, template, details, created_at, next_attempt_at)
    values (${id}, ${recipient}, ${template}, ${JSON.stringify(details)}, ${createdAt}, ${createdAt})`;
  return { id, recipient };
};

export const rowOf = async (id: string): Promise<OutboxRow | undefined> =>
  (
    (await sql`select id, attempts, next_attempt_at, sent_at, failed_at, last_error from outbox where id = ${id}`) as OutboxRow[]
  )[0];

/** A log that the test can read. */
export const createMemoryLog = () => {
  const lines: { level: keyof Logger; message: string; fields: LogFields | undefined }[] = [];
  const at = (level: keyof Logger) => (message: string, fields?: LogFields) =>
    void lines.push({ level, message, fields });
  const log: Logger = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
  return { log, lines };
};
