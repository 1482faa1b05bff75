import { newSecret } from './secrets/rotation.ts';
import { readOptions } from './stack/arguments.ts';
import { runProgram } from './stack/cli-error.ts';

const usage = `npm run secrets:generate
  Prints values for .dev.vars, or for wrangler secret put: 32 random bytes each, and each its own.`;

// NIST SP 800-131A asks for 14 bytes.
runProgram(async () => {
  readOptions({}, usage);
  for (const name of ['JWT_SECRET', 'SECRET_KEY', 'METRICS_TOKEN', 'SCAN_CALLBACK_SECRET'])
    console.log(`${name}=${newSecret()}`);
});
