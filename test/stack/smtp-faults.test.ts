import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createCertificate } from '../support/node/certificate.ts';
import { type MailWorker, startMailWorker } from '../support/node/mail-worker.ts';
import {
  breakOff,
  hangUp,
  lastWords,
  type RunningServer,
  type Stage,
  silence,
  stages,
  startScriptedServer,
} from '../support/node/smtp-servers.ts';

const certificate = createCertificate('localhost');

let worker: MailWorker;
beforeAll(async () => {
  worker = await startMailWorker([certificate]);
});
afterAll(() => worker.stop());

const servers: RunningServer[] = [];
const start = async (...options: Parameters<typeof startScriptedServer>) => {
  const server = await startScriptedServer(...options);
  servers.push(server);
  return server;
};
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.stop()));
});

/** The outcome when a server answers so, over TLS. */
const outcomeWith = async (answers: Parameters<typeof startScriptedServer>[0], timeoutMs = 5000) => {
  const { port } = await start(answers, certificate);
  return worker.send({ port, implicitTls: true, timeoutMs });
};

const beforeTheMessage: Stage[] = ['greeting', 'EHLO', 'AUTH', 'MAIL'];
const fromTheRecipientOn: Stage[] = ['RCPT', 'DATA', 'content'];

describe('an SMTP server that fails', () => {
  it.each(stages)('temporarily, at %s: the mail is tried again', async (stage) => {
    const outcome = await outcomeWith({ [stage]: '451 4.3.0 ada@example.org: try later' });
    expect(outcome).toEqual({
      kind: 'retry',
      reason: `smtp ${stage} 451 4.3.0`,
      retryAfterSeconds: 10,
    });
  });

  it.each(beforeTheMessage)('for good, at %s: it refuses us, and the mail is tried again', async (stage) => {
    const outcome = await outcomeWith({ [stage]: '554 5.7.1 ada@example.org: no' });
    expect(outcome).toEqual({ kind: 'retry', reason: `smtp ${stage} 554 5.7.1` });
  });

  it.each(fromTheRecipientOn)('for good, at %s: it refuses the mail', async (stage) => {
    const outcome = await outcomeWith({ [stage]: '550 5.1.1 ada@example.org: no such user' });
    expect(outcome).toEqual({ kind: 'refused', reason: `smtp ${stage} 550 5.1.1` });
  });

  it.each([
    ['a login is missing', 'RCPT', '530 5.7.0 Authentication required'],
    ['the login is not good any more', 'content', '535 5.7.8 no'],
    ['the account has used up its day', 'content', '550 5.4.5 Daily user sending limit exceeded'],
    ['it does not know the command', 'DATA', '502 5.5.1 what?'],
  ])('with what looks final when %s: the mail is tried again', async (_, stage, reply) => {
    const [, code, status] = /^(\d+) ([\d.]+)/.exec(reply) ?? [];
    const outcome = await outcomeWith({ [stage]: reply });
    expect(outcome).toEqual({ kind: 'retry', reason: `smtp ${stage} ${code} ${status}` });
  });

  it('with 421 when it has too many sessions: the mail is tried again soon', async () => {
    const outcome = await outcomeWith({ greeting: '421 4.7.0 Too many concurrent sessions' });
    expect(outcome).toEqual({ kind: 'retry', reason: 'smtp greeting 421 4.7.0', retryAfterSeconds: 10 });
  });

  it.each(stages)('by saying nothing at %s: the mail is tried again after the time limit', async (stage) => {
    const startedAt = Date.now();
    const outcome = await outcomeWith({ [stage]: silence }, 500);
    expect(outcome).toEqual({ kind: 'retry', reason: 'timeout' });
    expect(Date.now() - startedAt).toBeLessThan(4000);
  });

  it.each(stages)('by hanging up at %s: the mail is tried again', async (stage) => {
    const outcome = await outcomeWith({ [stage]: hangUp });
    expect(outcome).toEqual({ kind: 'retry', reason: 'connection failed' });
  });

  it.each(stages)('by breaking off at %s: the mail is tried again', async (stage) => {
    const outcome = await outcomeWith({ [stage]: breakOff });
    expect(outcome).toEqual({ kind: 'retry', reason: 'connection failed' });
  });

  it.each(stages)('with garbage at %s: the mail is tried again', async (stage) => {
    const outcome = await outcomeWith({ [stage]: 'HTTP/1.1 400 Bad Request' });
    expect(outcome).toEqual({ kind: 'retry', reason: 'smtp reply not understood' });
  });

  it.each([
    ['a line', 'x'.repeat(100_000)],
    ['a reply', Array.from({ length: 5000 }, () => '250-more').join('\r\n')],
  ])('with %s without end: the mail is tried again', async (_, answer) => {
    const outcome = await outcomeWith({ EHLO: answer });
    expect(outcome).toEqual({ kind: 'retry', reason: 'smtp reply too long' });
  });

  it('by offering no login that we know: the mail is tried again', async () => {
    const outcome = await outcomeWith({ EHLO: '250-localhost\r\n250 AUTH XOAUTH2 CRAM-MD5' });
    expect(outcome).toEqual({ kind: 'retry', reason: 'smtp no login offered' });
  });

  it('by hanging up after it has taken the mail: the mail is sent', async () => {
    expect(await outcomeWith({ content: lastWords })).toMatchObject({ kind: 'sent' });
    expect(await outcomeWith({ QUIT: silence })).toMatchObject({ kind: 'sent' });
  });

  it('by not being there: the mail is tried again', async () => {
    const { port, stop } = await start({}, certificate);
    await stop();
    servers.splice(0);
    const outcome = await worker.send({ port, implicitTls: true });
    expect(outcome).toEqual({ kind: 'retry', reason: 'connection failed' });
  });

  it('by slipping clear text in before TLS begins: it is not believed', async () => {
    const { port, commands } = await start({
      EHLO: '250-localhost\r\n250 STARTTLS',
      STARTTLS: '220 go\r\n250-localhost\r\n250 AUTH PLAIN',
    });
    expect(await worker.send({ port })).toEqual({ kind: 'retry', reason: 'smtp text before TLS' });
    expect(commands).toEqual(['EHLO', 'STARTTLS']);
  });

  it.each<[string, Parameters<typeof startScriptedServer>[0], number]>([
    ['refuses', { RCPT: '550 5.1.1 no' }, 30_000],
    ['says nothing', { MAIL: silence }, 1000],
  ])('that %s: nothing stays open while the Worker goes on', async (_, answers, timeoutMs) => {
    const { port, commands, openConnections } = await start(answers, certificate);
    const sending = worker.send({ port, implicitTls: true, timeoutMs, lingerMs: 4000 });
    await expect.poll(() => commands.length, { timeout: 10_000 }).toBeGreaterThan(0);
    await expect.poll(openConnections, { timeout: 2500 }).toBe(0);
    await sending;
  });
});
