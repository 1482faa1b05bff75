import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { convertV4MiniflareOptions, Miniflare } from 'miniflare';
import { unstable_getMiniflareWorkerOptions as readWorkerOptions } from 'wrangler';
import { runWrangler, wranglerReason } from '../program/child.ts';
import { CliError, runProgram, stopRequest } from '../program/cli.ts';
import type { WorkerSettings } from '../stack/serve-worker.ts';
import { tellLauncher } from '../stack/service-process.ts';

// The Worker of a wrangler.toml as a deployment bundles it, on workerd with nothing in front: the proxy of wrangler dev
// adds more to each request than many a request costs.
runProgram(async () => {
  const stop = stopRequest();
  const [{ configPath, hostname, port, stateDirectory, variables }] = (await once(process, 'message')) as [
    WorkerSettings,
  ];
  const built = await runWrangler([
    ...['deploy', '--dry-run', '--minify', '--outdir', stateDirectory, '--config', configPath],
  ]);
  if (built.status !== 0) throw new CliError(`${configPath} cannot be built: ${wranglerReason(built)}`);
  const { assets, bindings: _, ...options } = readWorkerOptions(configPath).workerOptions;
  const { binding, directory = '' } = (assets ?? {}) as { binding?: string; directory?: string };
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      ...options,
      host: hostname,
      port,
      modulesRoot: stateDirectory,
      modules: await modulesIn(stateDirectory),
      bindings: variables,
      // Read from the disk, because a Worker for assets would be in front of ours.
      ...(binding && { serviceBindings: { [binding]: { disk: { path: directory } } } }),
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
