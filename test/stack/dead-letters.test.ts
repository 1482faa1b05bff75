import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { createCertificate } from '../support/node/certificate.ts';
import { account } from '../support/node/mail-worker.ts';
import { runProgram } from '../support/node/program.ts';
import { startSmtpServer } from '../support/node/smtp-servers.ts';
import { type Launch, startStack } from '../support/node/stack.ts';

describe('a mail that was given up', () => {
  let directory: string;
  let stack: Launch;
  let smtp: Awaited<ReturnType<typeof startSmtpServer>>;
  let isRefusing = true;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'itsor-dead-letters-'));
    const certificate = createCertificate('localhost');
    await writeFile(join(directory, 'trusted.pem'), certificate.cert);
    smtp = await startSmtpServer(certificate, {
      onRcptTo: (_, __, done) =>
        done(isRefusing ? Object.assign(new Error('No such user'), { responseCode: 550 }) : null),
    });
    stack = await startStack({
      env: {
        NODE_EXTRA_CA_CERTS: join(directory, 'trusted.pem'),
        EMAIL_PROVIDER: 'smtp',
        SMTP_USER: account.user,
        SMTP_PASSWORD: account.password,
        SMTP_HOST: 'localhost',
        SMTP_PORT: String(smtp.port),
        ENABLE_METRICS: '1',
      },
    });
  });
  afterAll(async () => {
    await stack?.stop();
    await smtp?.stop();
    await rm(directory, { recursive: true, force: true });
  });

  const deadLetters = (...args: string[]) =>
    runProgram('scripts/dead-letters.ts', args, { DATA_DIR: stack.dataDirectory });
  const metric = async (sample: string) => {
    const text = await (await fetch(`${stack.url}/metrics`)).text();
    return Number(
      text
        .split('\n')
        .find((line) => line.startsWith(`${sample} `))
        ?.slice(sample.length) ?? 0,
    );
  };

  it('is counted, listed without its recipient, and sent once it is made due again', {
    timeout: 120_000,
  }, async () => {
    expect((await deadLetters()).output).toMatch(/^Nothing was given up/);
    const email = 'ada-of-the-dead-letters@example.com';
    await fetch(`${stack.url}/auth/signup`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ email, password: 'correct horse battery staple' }),
    });
    await vi.waitFor(async () => expect(await metric('itsor_dead_letters_total{kind="mail"}')).toBe(1), {
      timeout: 20_000,
      interval: 500,
    });

    const { output } = await deadLetters('--json');
    const [letter, ...others] = JSON.parse(output) as { id: string; kind: string; reason: string }[];
    expect(others).toEqual([]);
    expect(letter).toMatchObject({ kind: 'mail', reason: expect.stringContaining('550') });
    expect(output).not.toContain('ada-of');

    isRefusing = false;
    const unknown = await deadLetters('--retry', '01a1fed0-4673-7307-9d43-16aa11baef35');
    expect(unknown.output).toMatch(/^0 mails are due/);
    expect(unknown.output).toContain('1 of the ids is of no mail that was given up.');
    expect(unknown.status).toBe(1);
    expect((await deadLetters('--retry', letter?.id ?? '')).output).toMatch(/^1 mail is due once more/);
    // Sooner than the cron's next minute.
    await fetch(`${stack.url}/cdn-cgi/local/scheduled`);
    await vi.waitFor(() => expect(smtp.inbox.map(({ to }) => to)).toEqual([[email]]), {
      timeout: 20_000,
      interval: 500,
    });
    expect((await deadLetters()).output).toMatch(/^Nothing was given up/);
    expect((await deadLetters('--retry-all')).output).toMatch(/^0 mails are due/);
  });

  it.each([
    [['--retry', 'everything'], /wants the id of a mail/],
    [['--retry-all', '--retry', '01a1fed0-4673-7307-9d43-16aa11baef35'], /not both/],
    [['--purge'], /--purge/],
  ])('is not touched by %o', async (args, says) => {
    expect(await deadLetters(...args)).toMatchObject({ status: 1, output: expect.stringMatching(says) });
  });
});
