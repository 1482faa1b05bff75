import { Pool } from 'pg';

export const connectionTimeoutMillis = 10_000;

/** Connections to a server that may restart: what was lost is opened again, and no lost connection ends the process. */
export const createPool = (connectionString: string, max: number): Pool => {
  const pool = new Pool({ connectionString, max, connectionTimeoutMillis });
  // The server may drop an idle connection: the next statement opens another.
  pool.on('error', () => {});
  // One in use reports it by the statement that fails; without a listener the event would end this process.
  pool.on('connect', (client) => client.on('error', () => {}));
  return pool;
};
