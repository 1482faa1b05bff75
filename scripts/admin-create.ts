import { readArguments } from './admin/arguments.ts';
import { loadGroup } from './admin/config-group.ts';
import { createAdministrator } from './admin/create-administrator.ts';
import { openAppDatabase } from './admin/database.ts';
import { databaseSentence } from './admin/migrations-missing.ts';
import { runProgram } from './program/cli.ts';
import { readVariables } from './program/project.ts';

// npm run admin:create -- --email ada@example.com: makes an administrator, of the account that has the address or a new
// one.
runProgram(async () => {
  const { url, email, username } = readArguments(process.argv.slice(2));
  const variables = readVariables();
  const { password: config } = loadGroup(variables, 'Passwords');
  const { db, place, close } = await openAppDatabase(url, variables);
  try {
    console.log(await createAdministrator(db, { email, username, config, place }));
  } catch (error) {
    throw databaseSentence(error, place);
  } finally {
    await close();
  }
  // A standard input that nobody read may still be open.
  process.stdin.destroy();
});
