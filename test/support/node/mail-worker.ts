import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { WorkerSettings } from '../../../scripts/stack/serve-worker.ts';
import { startServiceProcess } from '../../../scripts/stack/service-process.ts';
import type { DeliveryOutcome, MailMessage } from '../../../src/domain/mail.ts';
import type { Certificate } from './certificate.ts';
import { findFreePort } from './stack.ts';

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

/** The mailer in workerd, with some certificates beside those that every system trusts. */
export const startMailWorker = async (trusted: readonly Certificate[]): Promise<MailWorker> => {
  const directory = await mkdtemp(join(tmpdir(), 'itsor-'));
  const authorities = join(directory, 'trusted.pem');
  await writeFile(authorities, trusted.map(({ cert }) => cert).join(''));
  const workerPort = await findFreePort();
  const worker = startServiceProcess({
    name: 'Worker',
    program: new URL('../../../scripts/stack/serve-worker.ts', import.meta.url),
    // Miniflare hands these certificates to workerd.
    env: { ...process.env, NODE_EXTRA_CA_CERTS: authorities },
    settings: {
      configPath: fileURLToPath(new URL('../worker/mail-worker/wrangler.toml', import.meta.url)),
      hostname: '127.0.0.1',
      port: workerPort,
      stateDirectory: join(directory, 'worker'),
      logDirectory: join(directory, 'logs'),
      variables: {},
    } satisfies WorkerSettings,
  });
  await worker.ready;

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
      const response = await fetch(`http://127.0.0.1:${workerPort}/`, {
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
