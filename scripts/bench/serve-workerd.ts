import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { convertV4MiniflareOptions, Miniflare } from 'miniflare';
import { unstable_getMiniflareWorkerOptions as readWorkerOptions } from 'wrangler';
import { runWrangler, wranglerReason } from '../program/child.ts';
import { CliError, runProgram, stopRequest } from '../program/cli.ts';
import { tellLauncher } from '../stack/service-process.ts';

export type BareWorkerSettings = {
  readonly configPath: string;
  readonly port: number;
  /** For the bundle. */
  readonly outDirectory: string;
  readonly variables: Readonly<Record<string, string>>;
};

// The Worker of a wrangler.toml as a deployment bundles it, on workerd with nothing in front: what wrangler dev adds to
// each request, its proxy, costs more than many a request does.
runProgram(async () => {
  const stop = stopRequest();
  const [settings] = (await once(process, 'message')) as [BareWorkerSettings];
  const { configPath, port, outDirectory, variables } = settings;
  const built = await runWrangler([
    ...['deploy', '--dry-run', '--minify', '--outdir', outDirectory, '--config', configPath],
  ]);
  if (built.status !== 0) throw new CliError(`${configPath} cannot be built: ${wranglerReason(built)}`);
  // Nobody who is measured asks for files.
  const { assets: _, bindings: __, ...options } = readWorkerOptions(configPath).workerOptions;
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      ...options,
      host: '127.0.0.1',
      port,
      modulesRoot: outDirectory,
      modules: await modulesIn(outDirectory),
      bindings: variables,
    }),
  );
  await miniflare.ready;
  tellLauncher({ kind: 'ready' });
  await stop;
  await miniflare.dispose();
  process.exit(0);
});

/** The entry first. */
const modulesIn = async (directory: string) => {
  const names = (await readdir(directory)).filter((name) => /\.(js|wasm)$/.test(name));
  return names
    .sort((a, b) => Number(b.endsWith('.js')) - Number(a.endsWith('.js')))
    .map((name) => ({
      type: name.endsWith('.wasm') ? ('CompiledWasm' as const) : ('ESModule' as const),
      path: join(directory, name),
    }));
};
