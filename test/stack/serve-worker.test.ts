import { execFileSync } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import type { WorkerSettings } from '../../scripts/stack/serve-worker.ts';
import { findFreePort, startServiceProcess } from '../../scripts/stack/service-process.ts';

// biome-ignore-start lint/suspicious/noTemplateCurlyInString: the test is that it is not expanded
const nasty = {
  JWT_PRIVATE_KEY: '-----BEGIN PRIVATE KEY-----\nMC4CAQ/+=\n-----END PRIVATE KEY-----\n',
  OIDC_PROVIDERS: '[{"id":"a","client_secret":"\'$HOME`id`\\\\n #x"}]',
  SECRET_KEY: ' leading, trailing and = $$ ${JWT_SECRET} # "quotes" \'too\' \\ ',
  FROM_EMAIL: 'Ünï <🦉@example.com>',
  JWT_SECRET: 'seen-nowhere-but-in-the-worker',
  LOG_LEVEL: '',
};
// biome-ignore-end lint/suspicious/noTemplateCurlyInString: as above

test('the Worker gets every variable as it is, and none is in the process list or on the disk', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'itsor-'));
  const port = await findFreePort();
  const worker = startServiceProcess({
    name: 'Worker',
    program: new URL('../../scripts/stack/serve-worker.ts', import.meta.url),
    settings: {
      configPath: fileURLToPath(new URL('fixtures/echo-worker/wrangler.toml', import.meta.url)),
      hostname: '127.0.0.1',
      port,
      stateDirectory: join(directory, 'worker'),
      logDirectory: join(directory, 'logs'),
      variables: nasty,
    } satisfies WorkerSettings,
  });
  try {
    await worker.ready;
    expect(await (await fetch(`http://127.0.0.1:${port}/`)).json()).toEqual(nasty);
    expect(execFileSync('ps', ['-eo', 'args'], { encoding: 'utf8' })).not.toContain(nasty.JWT_SECRET);
  } finally {
    await worker.stop();
  }
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    expect(await readFile(join(entry.parentPath, entry.name), 'utf8')).not.toContain(nasty.JWT_SECRET);
  }
  await rm(directory, { recursive: true });
});
