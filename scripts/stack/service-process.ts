import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { CliError } from './cli-error.ts';
import type { ServiceMessage } from './service-message.ts';

export type ServiceProcess = {
  readonly pid: number;
  /** The port it has taken. Like `ready`, rejects with a CliError when it fails or ends before. */
  readonly listening: Promise<number>;
  readonly ready: Promise<void>;
  /** Resolves when it is gone, asked or not. */
  readonly gone: Promise<void>;
  readonly stop: () => Promise<void>;
};

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
 * Starts one of the stack's programs in a process group of its own: Ctrl-C reaches the launcher alone,
 * which stops things in order, and whatever the program started can be ended with it. It stops by
 * itself when the launcher is gone.
 */
export const startServiceProcess = (options: ServiceOptions): ServiceProcess => {
  const { name, program, args = [], env = process.env, settings } = options;
  const child = fork(program, args, { detached: true, stdio: ['ignore', 'inherit', 'inherit', 'ipc'], env });
  const gone = once(child, 'exit').then(() => endGroup(child));
  if (settings) child.send(settings);

  return {
    pid: child.pid ?? 0,
    ...readMessages(child, name, gone),
    gone,
    stop: async () => {
      if (child.connected) child.disconnect();
      const impatience = setTimeout(() => child.kill('SIGKILL'), graceMs);
      await gone;
      clearTimeout(impatience);
    },
  };
};

const readMessages = (child: ChildProcess, name: string, gone: Promise<void>) => {
  const listening = Promise.withResolvers<number>();
  const ready = Promise.withResolvers<void>();
  const fail = (sentence: string) => {
    listening.reject(new CliError(sentence));
    ready.reject(new CliError(sentence));
  };
  // Whoever stops early looks at neither.
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

const endGroup = ({ pid }: ChildProcess) => {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // ESRCH: it has left nothing behind.
  }
};
