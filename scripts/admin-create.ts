import { loadGroup } from './admin/config-group.ts';
import { createAdministrator } from './admin/create-administrator.ts';
import { withAppDatabase } from './admin/database.ts';
import { readArguments } from './admin/operator-input.ts';
import { runProgram } from './stack/cli-error.ts';
import { readVariables } from './stack/project.ts';

runProgram(async () => {
  const { url, email, username } = readArguments();
  const variables = readVariables();
  const { password: config } = loadGroup(variables, 'Passwords');
  await withAppDatabase(url, variables, async (db, place) =>
    console.log(await createAdministrator(db, { email, username, config, place })),
  );
  // Standard input may still be open, if it was not read.
  process.stdin.destroy();
});
