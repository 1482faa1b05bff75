import { createMacKeys } from '../adapters/derived-keys.ts';
import { createMailer } from '../adapters/mailer/create-mailer.ts';
import type { OneTimeTokens } from '../adapters/one-time-tokens.ts';
import type { Telemetry } from '../adapters/telemetry/create-telemetry.ts';
import type { Config } from '../config/schema.ts';
import type { Logger } from '../context.ts';
import type { Database } from '../db/client.ts';
import { createLinks } from '../domain/links.ts';
import type { RateLimiter } from '../domain/sliding-window.ts';
import { createOutboxRepository } from '../repositories/outbox.ts';
import { createWithdrawMail } from '../services/mail/budget.ts';
import { createDeliver } from '../services/mail/deliver.ts';
import { createMailbox } from '../services/mail/mailbox.ts';
import { createRenderMail } from '../services/mail/render.ts';
import { createSweep } from '../services/mail/sweep.ts';
import type { Sources } from './sources.ts';

type MailParts = Pick<Sources, 'clock'> & {
  readonly db: Database;
  readonly tokens: OneTimeTokens;
  readonly limiter: RateLimiter;
  readonly log: Logger;
  readonly telemetry: Telemetry;
};

/** What happens to the outbox; its rows are written by the flows that give cause for them. */
export const createMailServices = (
  { email, origins, session }: Config,
  { db, tokens, limiter, log, telemetry, clock }: MailParts,
) => {
  const outbox = createOutboxRepository(db);
  const render = createRenderMail({ tokens, links: createLinks(origins.appUrl) });
  const { metrics, instruments } = telemetry;
  const mailer = createMailer(email.provider, { log, clock, fetch: instruments.outgoing });
  const { secretKey, previousSecretKeys } = session;
  const withdraw = createWithdrawMail({
    limiter,
    pseudonym: createMacKeys([secretKey, ...previousSecretKeys], 'mail-recipient').sign,
    budget: email.recipientBudget,
  });
  const deliver = createDeliver({
    outbox,
    render,
    withdraw,
    mailer: instruments.mailer(mailer),
    clock,
    log,
    metrics,
  });
  return {
    deliver,
    sweep: createSweep({ outbox, deliver, clock, log, metrics }),
    // Local environments only: the configuration refuses capture when it is strict.
    mailbox: email.provider.kind === 'capture' ? createMailbox({ outbox, render }) : null,
  };
};
