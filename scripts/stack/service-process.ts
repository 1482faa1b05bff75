import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { killGroup } from '../program/child.ts';
import { CliError } from '../program/cli.ts';

/** The messages of a program of the stack to its launcher, in this order. */
export type ServiceMessage =
  | { readonly kind: 'listening'; readonly port: number }
  | { readonly kind: 'ready' }
  | { readonly kind: 'failed'; readonly reason: string };

/** Does nothing without a launcher, or when it is gone: then there is no message channel. */
export const tellLauncher = (message: ServiceMessage): void => {
  if (process.connected) process.send?.(message);
};

export type ServiceProcess = ReturnType<typeof startServiceProcess>;

export type ServiceOptions = {
  readonly name: string;
  readonly program: URL;
  readonly args?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  /** Sent as the first message. */
  readonly settings?: object;
};

const graceMs = 5000;

/**
 * Starts a program of the stack in a process group of its own: Ctrl-C reaches the launcher alone, which stops its
 * services in order, and the whole group ends with the program. The program stops by itself when the launcher is gone.
 */
export const startServiceProcess = ({
  name,
  program,
  args = [],
  env = process.env,
  settings,
}: ServiceOptions) => {
  const child = fork(program, args, { detached: true, stdio: ['ignore', 'inherit', 'inherit', 'ipc'], env });
  const gone = once(child, 'exit').then(() => killGroup(child));
  if (settings) child.send(settings);

  return {
    pid: child.pid ?? 0,
    ...readMessages(child, name, gone),
    /** Resolves when the process has ended, whether it was asked to or not. */
    gone,
    stop: async (): Promise<void> => {
      if (child.connected) child.disconnect();
      const impatience = setTimeout(() => child.kill('SIGKILL'), graceMs);
      await gone;
      clearTimeout(impatience);
    },
  };
};

/** The promised port and readiness reject with a CliError when the service fails or ends before. */
const readMessages = (child: ChildProcess, name: string, gone: Promise<void>) => {
  const listening = Promise.withResolvers<number>();
  const ready = Promise.withResolvers<void>();
  const fail = (sentence: string) => {
    listening.reject(new CliError(sentence));
    ready.reject(new CliError(sentence));
  };
  // A launcher that stops early awaits neither.
  listening.promise.catch(() => {});
  ready.promise.catch(() => {});

  child.on('message', (message: ServiceMessage) => {
    switch (message.kind) {
      case 'listening':
        return listening.resolve(message.port);
      case 'ready':
        return ready.resolve();
      case 'failed':
        return fail(`The ${name} did not start: ${message.reason}`);
    }
  });
  void gone.then(() => fail(`The ${name} ended before it was ready.`));
  return { listening: listening.promise, ready: ready.promise };
};

/** A port that is free now. */
export const findFreePort = async (): Promise<number> => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
};
