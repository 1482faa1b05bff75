import { randomBytes } from 'node:crypto';
import { CliError } from '../program/cli.ts';
import { withClient } from '../stack/postgres.ts';

export type ServerDatabase = {
  readonly name: string;
  readonly url: string;
  /** Of another database of the same server. */
  readonly serverUrl: string;
  /** Drops the database, even while it is in use. */
  readonly drop: () => Promise<void>;
};

/** An empty database of its own on a server. @throws CliError where it cannot be made */
export const createServerDatabase = async (serverUrl: string, purpose: string): Promise<ServerDatabase> => {
  const name = `itsor_${purpose}_${randomBytes(4).toString('hex')}`;
  const administer = (statement: string) =>
    withClient(serverUrl, (client) => client.query(statement)).catch((error: Error) => {
      const { host } = new URL(serverUrl);
      throw new CliError(`The server of TEST_DATABASE_URL, ${host}, makes no database: ${error.message}`);
    });
  await administer(`create database ${name}`);
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  return {
    name,
    url: url.href,
    serverUrl,
    drop: async () => {
      await administer(`drop database if exists ${name} with (force)`);
    },
  };
};
