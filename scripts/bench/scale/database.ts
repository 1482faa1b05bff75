import { randomBytes } from 'node:crypto';
import { statfs } from 'node:fs/promises';
import type { Client } from 'pg';
import { CliError } from '../../program/cli.ts';
import { isLoopback } from '../../stack/database-plan.ts';
import { applyMigrations, withClient } from '../../stack/postgres.ts';
import { fill } from './fill.ts';

export type ScaleDatabase = {
  readonly users: number;
  readonly url: string;
  /** Migrates it and fills it; `note` hears of each step. */
  readonly fill: (note?: (step: string) => void) => Promise<void>;
  /** Whatever goes on in it. */
  readonly drop: () => Promise<void>;
};

/** An empty database of its own on a server, for so many accounts and their events. */
export const createScaleDatabase = async (serverUrl: string, users: number): Promise<ScaleDatabase> => {
  const name = `itsor_scale_${users}_${randomBytes(4).toString('hex')}`;
  await withClient(serverUrl, (client) => client.query(`create database ${name}`));
  const server = new URL(serverUrl);
  server.pathname = `/${name}`;
  const url = server.href;
  return {
    users,
    url,
    fill: async (note = () => {}) => {
      await applyMigrations(url);
      await withClient(url, (client) => fill(client, users, note));
    },
    drop: async () => {
      await withClient(serverUrl, (client) => client.query(`drop database if exists ${name} with (force)`));
    },
  };
};

/** Tables and indexes of one account and its ten events, and as much again of the log as a server may keep. */
const bytesPerUser = 6_000;
const logBytes = 2 * 1024 ** 3;

/** @throws CliError when the server cannot be reached, or is on this machine and its disk too full */
export const requireRoom = async (serverUrl: string, users: number): Promise<void> => {
  const directory = await dataDirectory(serverUrl);
  if (directory === null || !isLoopback(new URL(serverUrl).hostname)) return;
  const disk = await statfs(directory).catch(() => null);
  if (disk === null) return;
  const free = disk.bavail * disk.bsize;
  const needed = users * bytesPerUser + logBytes;
  if (free < needed) {
    throw new CliError(
      `The disk of the server has ${gigabytes(free)} free and ${gigabytes(needed)} are needed: try --rows 10000,100000.`,
    );
  }
};

const gigabytes = (bytes: number) => `${(bytes / 1024 ** 3).toFixed(1)} GiB`;

const dataDirectory = async (serverUrl: string): Promise<string | null> => {
  const ask = (client: Client) =>
    client.query<{ directory: string }>("select current_setting('data_directory') as directory");
  try {
    return (await withClient(serverUrl, ask)).rows[0]?.directory ?? null;
  } catch (error) {
    // Whoever may not know where the data are is not told.
    if ((error as { code?: string }).code === '42501') return null;
    const { host } = new URL(serverUrl);
    throw new CliError(
      `The server of TEST_DATABASE_URL, ${host}, cannot be reached: ${(error as Error).message}`,
    );
  }
};
