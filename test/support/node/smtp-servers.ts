import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { createServer as createTlsServer } from 'node:tls';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';
import type { Certificate } from './certificate.ts';
import { account } from './mail-worker.ts';

export type Received = {
  readonly from: string;
  readonly to: readonly string[];
  readonly secure: boolean;
  readonly raw: string;
};

export type RunningServer = { readonly port: number; readonly stop: () => Promise<void> };

const listening = async (server: Server): Promise<number> => {
  // The same address that `localhost` is to the client, IPv6 or not.
  server.listen(0, 'localhost');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
};

/** A real SMTP server, with one account and TLS. */
export const startSmtpServer = async (
  certificate: Certificate,
  options: SMTPServerOptions = {},
): Promise<RunningServer & { readonly inbox: Received[] }> => {
  const inbox: Received[] = [];
  const server = new SMTPServer({
    ...certificate,
    authMethods: ['PLAIN'],
    onAuth: ({ username, password }, _session, done) => {
      const known = username === account.user && password === account.password;
      done(
        known ? null : new Error('Invalid username or password'),
        known ? { user: account.user } : undefined,
      );
    },
    onData: (stream, { envelope, secure }, done) => {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => {
        const from = envelope.mailFrom ? envelope.mailFrom.address : '';
        const to = envelope.rcptTo.map(({ address }) => address);
        inbox.push({ from, to, secure, raw: Buffer.concat(chunks).toString('latin1') });
        done();
      });
    },
    ...options,
  });
  // A client that refuses the certificate is an error here.
  server.on('error', () => {});
  server.listen(0, 'localhost');
  await once(server.server, 'listening');
  const { port } = server.server.address() as AddressInfo;
  return { port, inbox, stop: () => new Promise((resolve) => server.close(resolve)) };
};

export const stages = ['greeting', 'EHLO', 'AUTH', 'MAIL', 'RCPT', 'DATA', 'content'] as const;
export type Stage = (typeof stages)[number];
/** A reply, or none: the server says nothing more, closes the connection in order, or breaks it off. */
export type Answer = string | typeof silence | typeof hangUp | typeof breakOff | typeof lastWords;
export const silence = Symbol('silence');
export const hangUp = Symbol('hang up');
export const breakOff = Symbol('break off');
/** The good reply, and the end of the connection. */
export const lastWords = Symbol('last words');

const goodAnswers: Record<Stage | 'QUIT', string> = {
  greeting: '220 localhost',
  EHLO: '250-localhost\r\n250 AUTH PLAIN',
  AUTH: '235 2.7.0 ok',
  MAIL: '250 2.1.0 ok',
  RCPT: '250 2.1.5 ok',
  DATA: '354 go on',
  content: '250 2.0.0 ok',
  QUIT: '221 2.0.0 bye',
};

/** A server that answers from a table. Without a certificate it speaks clear text. */
export const startScriptedServer = async (
  answers: Partial<Record<Stage | 'QUIT' | 'STARTTLS', Answer>>,
  certificate?: Certificate,
): Promise<RunningServer & { readonly commands: string[]; readonly openConnections: () => number }> => {
  const commands: string[] = [];
  const sockets = new Set<Socket>();
  const converse = (socket: Socket): void => {
    sockets.add(socket);
    socket.on('error', () => {}).on('close', () => sockets.delete(socket));
    const say = (stage: string): void => {
      const answer = { ...goodAnswers, ...answers }[stage as Stage] ?? '500 what?';
      if (typeof answer === 'string') socket.write(`${answer}\r\n`);
      else if (answer === hangUp) socket.end();
      else if (answer === lastWords) socket.end(`${goodAnswers[stage as Stage]}\r\n`);
      else if (answer === breakOff) socket.destroy();
    };
    let inContent = false;
    const lines = createInterface({ input: socket });
    lines.on('error', () => {});
    lines.on('line', (line) => {
      if (inContent && line !== '.') return;
      const stage = inContent ? 'content' : (line.split(' ')[0] ?? '');
      commands.push(stage);
      inContent = stage === 'DATA' && String(answers.DATA ?? goodAnswers.DATA).startsWith('3');
      say(stage);
    });
    say('greeting');
  };
  const server = certificate ? createTlsServer(certificate, converse) : createServer(converse);
  const port = await listening(server);
  return {
    port,
    commands,
    openConnections: () => sockets.size,
    stop: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
};
