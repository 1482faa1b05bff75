import { newSecret } from './secrets/rotation.ts';
import { runProgram, Sentence } from './stack/sentence.ts';

// npm run secrets:generate: values for .dev.vars, or for `wrangler secret put`. 32 random bytes each (NIST SP 800-131A
// asks for 14), no comma among them, and each its own.
runProgram(async () => {
  if (process.argv.length > 2) throw new Sentence('npm run secrets:generate takes no arguments.');
  for (const name of ['JWT_SECRET', 'SECRET_KEY', 'METRICS_TOKEN', 'SCAN_CALLBACK_SECRET'])
    console.log(`${name}=${newSecret()}`);
});
