import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Variables } from '../../scripts/program/project.ts';
import { newPrivateKey } from '../../scripts/secrets/rotation.ts';
import { withLocalKeys } from '../../scripts/stack/local-keys.ts';
import { loadConfig } from '../../src/platform/config/load.ts';
import { localSecrets } from '../../src/platform/config/secret.ts';
import { configOf } from './config-fixtures.ts';

describe('npm run dev -- --algorithm', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'itsor-keys-'));
  });
  afterEach(() => rm(directory, { recursive: true }));

  const keysOf = async (variables: Variables, algorithm?: Parameters<typeof withLocalKeys>[2]) => {
    const { path, variables: changed } = await withLocalKeys(variables, directory, algorithm);
    const { jwt } = configOf({ BACKEND_ENV: 'local', ...changed });
    return {
      path,
      algorithm: jwt.algorithm,
      signs: jwt.privateKey?.reveal() ?? jwt.secret.reveal(),
      previousSecrets: jwt.previousSecrets.map((each) => each.reveal()),
      previousKeys: jwt.previousPrivateKeys.map(({ pem }) => pem.reveal()),
    };
  };
  const pem = (algorithm: 'ES256' | 'EdDSA') => newPrivateKey(algorithm).trim();

  it('changes nothing, and makes no key, where it is not given', async () => {
    expect(await keysOf({})).toEqual({
      path: null,
      algorithm: 'HS256',
      signs: localSecrets.jwt,
      previousSecrets: [],
      previousKeys: [],
    });
    expect(await readdir(directory)).toEqual([]);
  });

  it('makes a key that only its owner can read, keeps it, and lets the secret of before verify', async () => {
    const first = await keysOf({}, 'ES256');
    const path = join(directory, 'keys', 'ES256.pem');
    expect(first).toMatchObject({ path, algorithm: 'ES256', previousSecrets: [localSecrets.jwt] });
    expect((await readFile(path, 'utf8')).trim()).toBe(first.signs);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect((await stat(join(directory, 'keys'))).mode & 0o777).toBe(0o700);
    expect(await keysOf({}, 'ES256')).toEqual(first);
    expect(await readdir(join(directory, 'keys'))).toEqual(['ES256.pem']);
  });

  it('lets the key of an earlier run verify, with another algorithm and without one', async () => {
    const { signs } = await keysOf({}, 'ES256');
    expect(await keysOf({})).toMatchObject({ algorithm: 'HS256', previousKeys: [signs] });
    expect(await keysOf({}, 'HS256')).toMatchObject({
      path: null,
      algorithm: 'HS256',
      previousKeys: [signs],
    });
    expect(await keysOf({}, 'EdDSA')).toMatchObject({ algorithm: 'EdDSA', previousKeys: [signs] });
  });

  it('gives two processes that make a key at once the same one', async () => {
    const [one, other] = await Promise.all([keysOf({}, 'ES256'), keysOf({}, 'ES256')]);
    expect(one).toEqual(other);
  });

  it('takes the keys of .dev.vars: its own for the same algorithm, else as former ones', async () => {
    const [own, former] = [pem('ES256'), pem('EdDSA')];
    const given = { JWT_ALGORITHM: 'ES256', JWT_PRIVATE_KEY: own, JWT_PRIVATE_KEY_PREVIOUS: former };
    expect(await keysOf(given, 'ES256')).toEqual({
      path: null,
      algorithm: 'ES256',
      signs: own,
      previousSecrets: [],
      previousKeys: [former],
    });
    expect(await keysOf(given, 'HS256')).toMatchObject({
      algorithm: 'HS256',
      signs: localSecrets.jwt,
      previousKeys: [own, former],
    });
    expect(await keysOf({ JWT_SECRET_KEY: 'mine', JWT_SECRET_PREVIOUS: 'older' }, 'ES256')).toMatchObject({
      previousSecrets: ['mine', 'older'],
    });
    // A list has no entry with a comma; tokens of such a secret are refreshed.
    expect(await keysOf({ JWT_SECRET: 'a,b' }, 'ES256')).toMatchObject({ previousSecrets: [] });
  });

  it('leaves no secret that nothing uses, of which the Worker would warn', async () => {
    for (const name of ['JWT_SECRET', 'JWT_SECRET_KEY']) {
      const { variables } = await withLocalKeys({ BACKEND_ENV: 'local', [name]: 'mine' }, directory, 'ES256');
      expect(loadConfig(variables).warnings).toEqual([]);
    }
  });

  it('lets no public secret verify in a strict environment', async () => {
    const { variables } = await withLocalKeys({ BACKEND_ENV: 'staging' }, directory, 'ES256');
    expect(variables.JWT_SECRET_PREVIOUS).toBe('');
  });

  it('says in one sentence that a file holds no key for the algorithm', async () => {
    await mkdir(join(directory, 'keys'));
    for (const text of ['', 'half a k', pem('EdDSA')]) {
      await writeFile(join(directory, 'keys', 'ES256.pem'), text);
      await expect(keysOf({}, 'ES256')).rejects.toThrow(/ES256\.pem is no key for ES256: .*Delete it/);
    }
  });
});
