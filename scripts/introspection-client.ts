import { createHash } from 'node:crypto';
import { introspectionClients } from '../src/platform/config/introspection-clients.ts';
import { CliError, runProgram } from './program/cli.ts';
import { readOptions } from './program/options.ts';
import { newSecret } from './secrets/rotation.ts';

const usage = `npm run introspection:client -- --id <id> --audience <audience>
  Makes a secret for a service that asks POST /auth/introspect, and the entry of INTROSPECTION_CLIENTS that knows it by
  its hash. The secret is shown once and kept nowhere. The audience is JWT_AUDIENCE or one of JWT_AUDIENCES.`;

const options = { id: { type: 'string' }, audience: { type: 'string' } } as const;

runProgram(async () => {
  const { id, audience } = readOptions(options, usage);
  if (!id || !audience) throw new CliError(`Which service, and which audience?\n${usage}`);
  const secret = newSecret();
  const entry = `${id}=sha256:${createHash('sha256').update(secret).digest('base64url')}@${audience}`;
  const parsed = introspectionClients.safeParse(entry);
  if (!parsed.success) {
    throw new CliError(
      'An id is 1 to 64 of A-Z, a-z, 0-9, ., _ and -. An audience has at most 256 characters, and no blank, comma or #.',
    );
  }
  console.log(`For the service, which keeps it as a secret:
  client_id=${id}
  client_secret=${secret}
Add this to INTROSPECTION_CLIENTS:
  ${entry}`);
});
