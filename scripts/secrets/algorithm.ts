import type { Algorithm } from '../../src/platform/config/jwt.ts';
import { resolveVariables } from '../../src/platform/config/resolve.ts';
import { variables as table } from '../../src/platform/config/variables.ts';
import { CliError } from '../program/cli.ts';
import type { Variables } from '../program/project.ts';

const { schema, default: byDefault } = table.JWT_ALGORITHM;

/** The algorithm that `--algorithm` names; undefined without it. @throws CliError */
export const algorithmOption = (given: string | undefined): Algorithm | undefined => {
  if (given === undefined) return undefined;
  const parsed = schema.safeParse(given);
  if (parsed.success) return parsed.data;
  throw new CliError(`--algorithm ${parsed.error.issues[0]?.message}.`);
};

/** The algorithm that the variables name; the default where they name none, or none that there is. */
export const algorithmOf = (variables: Variables): Algorithm =>
  schema.safeParse(resolveVariables(variables).given.get('JWT_ALGORITHM')?.text).data ?? byDefault;

/** @throws CliError where wrangler.toml has an algorithm: only secrets change in one step */
export const refuseFixed = (inWranglerToml: unknown, wanted: Algorithm): void => {
  if (inWranglerToml === undefined || inWranglerToml === wanted) return;
  throw new CliError(
    'JWT_ALGORITHM is in wrangler.toml, so that it cannot change together with its key: make it a secret first, as docs/runbooks/secret-rotation.md says. Nothing was changed.',
  );
};

/** npm keeps an option that is not behind `--`, and the program would go on without it. @throws CliError */
export const refuseSwallowed = (script: string): void => {
  const kept = process.env.npm_config_algorithm;
  if (kept) throw new CliError(`npm keeps that --algorithm to itself: npm run ${script} -- --algorithm …`);
};
