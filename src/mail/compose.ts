import type { OneTimeTokens } from '../emails/one-time-tokens.ts';
import type { Config } from '../platform/config/schema.ts';
import type { Logger } from '../platform/context.ts';
import { createMacKeys } from '../platform/crypto/derived-keys.ts';
import type { Database } from '../platform/db/client.ts';
import { createMailer } from '../platform/mailers/create-mailer.ts';
import type { RateLimiter } from '../platform/rules/sliding-window.ts';
import type { Sources } from '../platform/sources.ts';
import type { Telemetry } from '../platform/telemetry/create-telemetry.ts';
import { createLinks } from './rules/links.ts';
import { createWithdrawMail } from './service/budget.ts';
import { createDeliver } from './service/deliver.ts';
import { createMailbox } from './service/mailbox.ts';
import { createRenderMail } from './service/render.ts';
import { createSweep } from './service/sweep.ts';
import { createOutboxRepository } from './sql/outbox.ts';

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
