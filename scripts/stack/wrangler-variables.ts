import type { Unstable_Config as WranglerConfig } from 'wrangler';
import { CliError } from './cli-error.ts';
import { overlay } from './overlay.ts';
import { configVariables, projectDirectory, readVariables, type Variables } from './project.ts';

/** What wrangler.toml says of an environment. @throws CliError when there is no such environment */
export const readWranglerConfig = async (env: string): Promise<WranglerConfig> => {
  // wrangler would read it as the Worker without an environment.
  if (env.trim() === '') throw new CliError('--env is empty: which environment of wrangler.toml is meant?');
  // Only where it is needed: it takes most of a second. It would tell of its telemetry in between.
  process.env.WRANGLER_SEND_METRICS ??= 'false';
  const { unstable_readConfig: readConfig } = await import('wrangler');
  try {
    return readConfig({ config: `${projectDirectory}/wrangler.toml`, env }, { hideWarnings: true });
  } catch (error) {
    const reason = (error as Error).message.split('\n')[1]?.trim();
    throw new CliError(`wrangler.toml cannot be read for the environment "${env}": ${reason}`);
  }
};

/** What an environment of wrangler.toml sets, and over it what this process has, as a deployment does. */
export const wranglerVariables = async (env: string): Promise<Variables> => {
  const vars = Object.entries((await readWranglerConfig(env)).vars).map(
    ([name, value]) => [name, String(value)] as const,
  );
  // What a workflow has no secret for is empty, and empty is unset.
  const given = Object.entries(configVariables(process.env)).filter(([, text]) => text !== '');
  return overlay(Object.fromEntries(vars), Object.fromEntries(given));
};

/** Those of an environment of wrangler.toml; without one, `.dev.vars` and what this process has. */
export const variablesOf = async (env: string | undefined): Promise<Variables> =>
  env === undefined ? readVariables() : wranglerVariables(env);
