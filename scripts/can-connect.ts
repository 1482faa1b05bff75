import { Client } from 'pg';
import { CliError, runProgram } from './program/cli.ts';
import { readArguments } from './program/options.ts';

const usage = `node scripts/can-connect.ts postgres://…
  Exits 0 when that PostgreSQL answers within five seconds.`;

runProgram(async () => {
  const { positionals } = readArguments({}, usage);
  const [connectionString] = positionals;
  if (connectionString === undefined || positionals.length > 1)
    throw new CliError(`Which database? Give its connection string.\n\n${usage}`);
  const client = new Client({ connectionString, connectionTimeoutMillis: 5000 });
  try {
    await client.connect();
    await client.end();
  } catch {
    process.exitCode = 1;
  }
});
