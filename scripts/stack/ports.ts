import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { CliError } from './cli-error.ts';

/** @throws CliError when nobody can listen there now */
export const refuseTakenPort = (host: string, port: number): Promise<void> =>
  new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', (error: NodeJS.ErrnoException) => reject(new CliError(explain(host, port, error))));
    probe.listen(port, host, () => probe.close(() => resolve()));
  });

const explain = (host: string, port: number, { code, message }: NodeJS.ErrnoException) => {
  if (code === 'EADDRINUSE')
    return `Port ${port} is taken: stop what uses it, or choose another with BACKEND_PORT.`;
  if (code === 'EACCES') return `Port ${port} needs privileges: choose one above 1023 with BACKEND_PORT.`;
  return `Nothing can listen at HOST ${host}, port ${port}: ${message}`;
};

/** A port at which nobody listens now. */
export const findFreePort = async (): Promise<number> => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
};
