import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CliError } from '../stack/cli-error.ts';
import { embeddedDirectory } from '../stack/local-database.ts';
import { withClient } from '../stack/with-client.ts';

export type DrillPlace = {
  readonly name: string;
  /** What leads the programs of the stack to its database and to nothing else. */
  readonly env: Readonly<Record<string, string>>;
  readonly directory: string;
  /** Leaves nothing of the database. */
  readonly destroy: () => Promise<void>;
  /** What there is of it, for whoever has to take it away by hand. */
  readonly left: string;
  readonly close: () => Promise<void>;
};

/** A database of its own: embedded in a folder of its own, or on the server of `serverUrl`. */
export const openDrillPlace = async (serverUrl: string | undefined): Promise<DrillPlace> => {
  const directory = await mkdtemp(join(tmpdir(), 'itsor-drill-'));
  const remove = () => rm(directory, { recursive: true, force: true });
  if (!serverUrl) {
    return {
      name: 'an embedded database',
      env: { DATA_DIR: directory, LOCAL_POSTGRES_URL: '' },
      directory,
      destroy: () => rm(embeddedDirectory(directory), { recursive: true }),
      left: directory,
      close: remove,
    };
  }
  const name = `itsor_drill_${randomBytes(6).toString('hex')}`;
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  const administer = (...statements: string[]) =>
    withClient(serverUrl, async (client) => {
      for (const statement of statements) await client.query(statement);
    });
  const create = `create database ${name}`;
  const drop = `drop database if exists ${name} with (force)`;
  await administer(create).catch(async (error: Error) => {
    await remove();
    throw new CliError(`A database for the drill cannot be made on ${url.host}: ${error.message}`);
  });
  return {
    name: `${url.host}/${name}`,
    env: { DATA_DIR: directory, LOCAL_POSTGRES_URL: url.href },
    directory,
    destroy: () => administer(drop, create),
    left: `the database ${name} on ${url.host} and ${directory}`,
    close: async () => {
      // Neither stays because the other does.
      const [dropped] = await Promise.allSettled([administer(drop), remove()]);
      if (dropped.status === 'rejected')
        throw new CliError(`✗ The database ${name} on ${url.host} is left: ${dropped.reason.message}`);
    },
  };
};
