import { configVariables, projectDirectory, type Variables } from './project.ts';
import { Sentence } from './sentence.ts';

const readEnvironment = async (env: string) => {
  // Only where it is needed: it takes most of a second. It would tell of its telemetry in between.
  process.env.WRANGLER_SEND_METRICS ??= 'false';
  const { unstable_readConfig: readConfig } = await import('wrangler');
  try {
    return readConfig({ config: `${projectDirectory}/wrangler.toml`, env }, { hideWarnings: true });
  } catch (error) {
    const reason = (error as Error).message.split('\n')[1]?.trim();
    throw new Sentence(`wrangler.toml cannot be read for the environment "${env}": ${reason}`);
  }
};

/** What an environment of wrangler.toml sets, and over it what this process has, as a deployment does. */
export const wranglerVariables = async (env: string): Promise<Variables> => {
  const vars = Object.entries((await readEnvironment(env)).vars).map(
    ([name, value]) => [name, String(value)] as const,
  );
  return { ...Object.fromEntries(vars), ...configVariables(process.env) };
};
