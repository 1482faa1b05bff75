import { readArguments } from './admin/arguments.ts';
import { loadGroup } from './admin/config-group.ts';
import { createAdministrator } from './admin/create-administrator.ts';
import { withAppDatabase } from './admin/database.ts';
import { runProgram } from './program/cli.ts';
import { readVariables } from './program/project.ts';

runProgram(async () => {
  const { url, ...account } = readArguments();
  const variables = readVariables();
  const { password: config } = loadGroup(variables, 'Passwords');
  await withAppDatabase(url, variables, async (db, place) =>
    console.log(await createAdministrator(db, { ...account, config, place })),
  );
  // Standard input may still be open, if it was not read.
  process.stdin.destroy();
});
