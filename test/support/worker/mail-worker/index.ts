import { loadConfig } from '../../../../src/platform/config/load.ts';
import type { Logger } from '../../../../src/platform/context.ts';
import { createMailer } from '../../../../src/platform/mailers/create-mailer.ts';
import { createSmtpTransport } from '../../../../src/platform/mailers/smtp.ts';
import { createBoundedMailer } from '../../../../src/platform/mailers/transport.ts';
import type { Mailer, MailMessage } from '../../../../src/platform/rules/mail.ts';

export type MailOrder = {
  readonly variables: Readonly<Record<string, string>>;
  readonly message: MailMessage;
  readonly timeoutMs: number;
  /** The behaviour on port 465, on which only root may listen. */
  readonly implicitTls: boolean;
  /** How long the Worker lives on after the mail, as it would with the next message of a queue. */
  readonly lingerMs: number;
};

const clock = () => new Date();
const ignore = () => {};
const log: Logger = { debug: ignore, info: ignore, warn: ignore, error: ignore };

const createOrderedMailer = ({ variables, timeoutMs, implicitTls }: MailOrder): Mailer => {
  const loaded = loadConfig(variables);
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
  const { provider } = loaded.config.email;
  if (!implicitTls || provider.kind !== 'gmail')
    return createMailer(provider, { log, clock, fetch, timeoutMs });
  return createBoundedMailer(createSmtpTransport(provider, clock, 'implicit-tls'), timeoutMs);
};

/** Sends a mail for a test in workerd, and answers the outcome. */
export default {
  fetch: async (request: Request): Promise<Response> => {
    const order = await request.json<MailOrder>();
    const outcome = await createOrderedMailer(order).send(order.message, new AbortController().signal);
    await scheduler.wait(order.lingerMs);
    return Response.json(outcome);
  },
};
