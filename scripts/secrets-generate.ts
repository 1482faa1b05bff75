import { runProgram } from './program/cli.ts';
import { readOptions } from './program/options.ts';
import { newSecret } from './secrets/rotation.ts';

const usage = `npm run secrets:generate
  Prints values for .dev.vars, or for wrangler secret put: 32 random bytes each, and each its own.`;

// NIST SP 800-131A asks for 14 bytes.
runProgram(async () => {
  readOptions({}, usage);
  for (const name of ['JWT_SECRET', 'SECRET_KEY', 'METRICS_TOKEN', 'SCAN_CALLBACK_SECRET'])
    console.log(`${name}=${newSecret()}`);
});
