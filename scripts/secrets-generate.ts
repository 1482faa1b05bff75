import { runProgram } from './program/cli.ts';
import { readOptions } from './program/options.ts';
import { algorithmOption, refuseSwallowed } from './secrets/algorithm.ts';
import { newSecret, newSigningKey } from './secrets/rotation.ts';
import { oneLine } from './secrets/values.ts';

const usage = `npm run secrets:generate [-- --algorithm ES256]
  Prints values for .dev.vars, or for wrangler secret put: 32 random bytes each, and each its own.
  --algorithm  of access tokens: JWT_ALGORITHM and its key. Under ES256, EdDSA and RS256 other services can verify them,
               with /.well-known/jwks.json; under HS256, the default, HS384 and HS512 only Itsor can
A service that runs takes another algorithm by npm run secrets:rotate -- --env … --algorithm ES256, and nobody is logged
out.`;

// NIST SP 800-131A asks for 14 bytes.
runProgram(async () => {
  refuseSwallowed('secrets:generate');
  const { algorithm: given } = readOptions({ algorithm: { type: 'string' } }, usage);
  const algorithm = algorithmOption(given);
  if (algorithm) console.log(`JWT_ALGORITHM=${algorithm}`);
  const { variable, value } = newSigningKey(algorithm ?? 'HS256');
  console.log(`${variable}=${oneLine(value)}`);
  for (const name of ['SECRET_KEY', 'METRICS_TOKEN', 'SCAN_CALLBACK_SECRET'])
    console.log(`${name}=${newSecret()}`);
  if (algorithm)
    console.error(
      `For a service that runs: npm run secrets:rotate -- --env … --algorithm ${algorithm}, which logs nobody out.`,
    );
});
