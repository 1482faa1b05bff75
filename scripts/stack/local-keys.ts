import { link, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type Algorithm,
  type AsymmetricAlgorithm,
  asymmetricAlgorithms,
  isSymmetric,
} from '../../src/platform/config/jwt.ts';
import { loadConfig } from '../../src/platform/config/load.ts';
import { readEnvironment, resolveVariables } from '../../src/platform/config/resolve.ts';
import { localSecrets } from '../../src/platform/config/secret.ts';
import { namesOf, type VariableName } from '../../src/platform/config/variables.ts';
import { CliError } from '../program/cli.ts';
import { overlay, type Variables } from '../program/project.ts';
import { algorithmOf } from '../secrets/algorithm.ts';
import { newPrivateKey } from '../secrets/rotation.ts';

/** Where the local stack keeps the private key of an algorithm. */
const keyPath = (dataDirectory: string, algorithm: AsymmetricAlgorithm): string =>
  join(dataDirectory, 'keys', `${algorithm}.pem`);

const readKey = async (dataDirectory: string, algorithm: AsymmetricAlgorithm): Promise<string | null> => {
  const path = keyPath(dataDirectory, algorithm);
  const pem = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw new CliError(`${path} cannot be read (${error.code}).`);
  });
  if (pem === null) return null;
  const loaded = loadConfig({ BACKEND_ENV: 'local', JWT_ALGORITHM: algorithm, JWT_PRIVATE_KEY: pem });
  const detail = pem.trim() === '' ? 'is empty' : loaded.ok ? null : loaded.problems[0]?.detail;
  if (!detail) return pem;
  throw new CliError(
    `${path} is no key for ${algorithm}: it ${detail}. Delete it, and npm run dev -- --algorithm ${algorithm} makes another.`,
  );
};

/** The key that is kept, or a new one. Of two processes that make one at once, both get the same. @throws CliError */
const keepKey = async (dataDirectory: string, algorithm: AsymmetricAlgorithm): Promise<string> => {
  const kept = await readKey(dataDirectory, algorithm);
  if (kept !== null) return kept;
  const path = keyPath(dataDirectory, algorithm);
  const draft = `${path}.${process.pid}`;
  try {
    await mkdir(join(dataDirectory, 'keys'), { recursive: true, mode: 0o700 });
    await writeFile(draft, newPrivateKey(algorithm), { mode: 0o600 });
    // Unlike a rename, it replaces nothing, and no reader sees half a key.
    await link(draft, path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
  } catch (error) {
    throw new CliError(`${path} cannot be written (${(error as NodeJS.ErrnoException).code}).`);
  } finally {
    await rm(draft, { force: true });
  }
  return keepKey(dataDirectory, algorithm);
};

export type LocalKeys = {
  /** Those given, with the ones that the choice of the algorithm changes. */
  readonly variables: Variables;
  /** The file with the key that signs; null where the key is in a variable. */
  readonly path: string | null;
};

/**
 * The variables of the local stack with the algorithm of `--algorithm`, whose key stays in the data directory. The keys
 * of before verify on, those of an earlier run too, so that nobody has to log in again.
 *
 * @throws CliError
 */
export const withLocalKeys = async (
  variables: Variables,
  dataDirectory: string,
  wanted: Algorithm | undefined,
): Promise<LocalKeys> => {
  const { given } = resolveVariables(variables);
  const textOf = (name: VariableName) => given.get(name)?.text;
  const from = algorithmOf(variables);
  const to = wanted ?? from;
  const hasOwnKey = to === from && given.has('JWT_PRIVATE_KEY');
  const kept = wanted === undefined || isSymmetric(to) || hasOwnKey ? null : to;
  const pem = kept && (await keepKey(dataDirectory, kept));
  const others = asymmetricAlgorithms.filter((each) => each !== kept);
  const earlier = await Promise.all(others.map((each) => readKey(dataDirectory, each)));

  const own = isSymmetric(from) ? 'JWT_SECRET' : 'JWT_PRIVATE_KEY';
  const former = to === from ? undefined : (textOf(own) ?? localSecret(variables, from));
  const isUnused = to !== from && isSymmetric(to) !== isSymmetric(from);
  const unused = isUnused ? namesOf(own).map((name) => [name, '']) : [];
  const formerOf = (name: typeof own) => (name === own ? former : undefined);
  return {
    variables: overlay(
      { ...variables, ...Object.fromEntries(unused) },
      {
        JWT_ALGORITHM: to,
        ...(pem && { JWT_PRIVATE_KEY: pem }),
        JWT_SECRET_PREVIOUS: joined(',', [
          // A list has no entry with a comma.
          formerOf('JWT_SECRET')?.includes(',') ? undefined : formerOf('JWT_SECRET'),
          textOf('JWT_SECRET_PREVIOUS'),
        ]),
        JWT_PRIVATE_KEY_PREVIOUS: joined('\n', [
          formerOf('JWT_PRIVATE_KEY'),
          textOf('JWT_PRIVATE_KEY_PREVIOUS'),
          ...earlier,
        ]),
      },
    ),
    path: kept && keyPath(dataDirectory, kept),
  };
};

const joined = (separator: string, parts: readonly (string | null | undefined)[]): string =>
  parts.filter(Boolean).join(separator);

/** The public secret of local work, which signs where none is set. */
const localSecret = (variables: Variables, algorithm: Algorithm): string | undefined =>
  isSymmetric(algorithm) && !readEnvironment(variables).strict ? localSecrets.jwt : undefined;
