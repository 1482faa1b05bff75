import { setTimeout as sleep } from 'node:timers/promises';
import { runProgram } from './cli-error.ts';
import { openLocalDatabase } from './local-database.ts';
import { isRunning } from './processes.ts';
import { dataDirectory } from './project.ts';
import { tellLauncher } from './service-message.ts';

const pollMs = 200;

// node scripts/stack/serve-wire.ts <pid>
// The embedded database alone, for as long as the process with that id lives.
runProgram(async () => {
  const user = Number(process.argv[2]);
  const database = await openLocalDatabase(dataDirectory());
  tellLauncher({ kind: 'listening', port: Number(new URL(database.adminUrl).port) });
  while (isRunning(user)) await sleep(pollMs);
  await database.close();
  process.exit(0);
});
