import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DeliveryOutcome, MailMessage } from '../../../src/platform/rules/mail.ts';
import type { Certificate } from './certificate.ts';
import { startWorker } from './worker.ts';

export const account = { user: 'itsor@example.com', password: 'corréct hörse 🐴' };

export const message: MailMessage = {
  id: '01a2b3c4-0000-7000-8000-000000000001',
  to: 'ada@example.org',
  subject: 'Confirm your address',
  text: 'Hello Ada\n',
  html: '<p>Hello Ada</p>\n',
};

type Attempt = {
  readonly port: number;
  readonly message?: MailMessage;
  readonly password?: string;
  readonly timeoutMs?: number;
  readonly implicitTls?: boolean;
  readonly lingerMs?: number;
};

export type MailWorker = {
  readonly send: (attempt: Attempt) => Promise<DeliveryOutcome>;
  readonly stop: () => Promise<void>;
};

/** The mailer in workerd, which trusts the certificates of the test too. */
export const startMailWorker = async (trusted: readonly Certificate[]): Promise<MailWorker> => {
  const directory = await mkdtemp(join(tmpdir(), 'itsor-'));
  const authorities = join(directory, 'trusted.pem');
  await writeFile(authorities, trusted.map(({ cert }) => cert).join(''));
  // Miniflare hands these certificates to workerd.
  const worker = await startWorker('mail-worker', { ...process.env, NODE_EXTRA_CA_CERTS: authorities });

  return {
    send: async ({ port, password = account.password, ...attempt }) => {
      const variables = {
        BACKEND_ENV: 'test',
        EMAIL_PROVIDER: 'smtp',
        SMTP_USER: account.user,
        SMTP_PASSWORD: password,
        SMTP_HOST: 'localhost',
        SMTP_PORT: String(port),
      };
      const defaults = { message, timeoutMs: 5000, implicitTls: false, lingerMs: 0 };
      const order = { ...defaults, ...attempt, variables };
      const response = await fetch(worker.url, {
        method: 'POST',
        body: JSON.stringify(order),
      });
      if (!response.ok) throw new Error(await response.text());
      return (await response.json()) as DeliveryOutcome;
    },
    stop: async () => {
      await worker.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
};
