import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { type Algorithm, type AsymmetricAlgorithm, isSymmetric } from '../../src/platform/config/jwt.ts';
import { resolveVariables } from '../../src/platform/config/resolve.ts';
import { CliError } from '../program/cli.ts';
import type { Variables } from '../program/project.ts';
import { algorithmOf } from './algorithm.ts';

export const rotatable = ['JWT_SECRET', 'SECRET_KEY'] as const;
export type Rotatable = (typeof rotatable)[number];

/** Values of secrets; null deletes one. */
export type Secrets = Readonly<Record<string, string | null>>;

export type Step = { readonly name: 'announce' | 'switch' | 'retire'; readonly secrets: Secrets };

/** Random bytes, of which none is a comma: 32, or as many as the digest of an algorithm has (RFC 7518 section 3.2). */
export const newSecret = (bytes = 32): string => randomBytes(bytes).toString('base64url');

const newPair = (algorithm: AsymmetricAlgorithm) => {
  switch (algorithm) {
    case 'EdDSA':
      return generateKeyPairSync('ed25519');
    case 'ES256':
      return generateKeyPairSync('ec', { namedCurve: 'P-256' });
    case 'RS256':
      return generateKeyPairSync('rsa', { modulusLength: 2048 });
  }
};

/** As PKCS#8 PEM. */
export const newPrivateKey = (algorithm: AsymmetricAlgorithm): string =>
  String(newPair(algorithm).privateKey.export({ type: 'pkcs8', format: 'pem' }));

/** A fresh key for access tokens, and the variable that it belongs into. */
export const newSigningKey = (algorithm: Algorithm) =>
  isSymmetric(algorithm)
    ? ({ variable: 'JWT_SECRET', value: newSecret(Number(algorithm.slice(2)) / 8) } as const)
    : ({ variable: 'JWT_PRIVATE_KEY', value: newPrivateKey(algorithm) } as const);

const pemBlocks = (text: string): string[] =>
  text.match(/-----BEGIN [A-Z ]+-----[\s\S]*?-----END [A-Z ]+-----/g) ?? [];

const comma = (name: string) =>
  new CliError(`${name} has a comma, which ${name}_PREVIOUS cannot hold: rotate it with --leaked.`);

/** The changes to one secret, step by step. */
type Course = Readonly<Record<Step['name'], Secrets>>;

const symmetricCourse = (name: Rotatable, current: string, previous: readonly string[]): Course => {
  if (current.includes(',')) throw comma(name);
  const next = newSecret();
  const previousName = `${name}_PREVIOUS`;
  return {
    announce: { [previousName]: [next, ...previous].join(',') },
    switch: { [name]: next, [previousName]: [current, ...previous].join(',') },
    retire: { [previousName]: null },
  };
};

/** Of several keys in JWT_PRIVATE_KEY the first signs, and all of them verify. */
const asymmetricCourse = (current: string, algorithm: AsymmetricAlgorithm): Course => {
  const keys = pemBlocks(current);
  const next = newPrivateKey(algorithm).trim();
  const join = (blocks: readonly string[]) => ({ JWT_PRIVATE_KEY: `${blocks.join('\n')}\n` });
  return { announce: join([...keys, next]), switch: join([next, ...keys]), retire: join([next]) };
};

/** The text that a variable has, by whichever of its names; the first says which are meant in a sentence. */
const givenReader = (variables: Variables) => {
  const { given } = resolveVariables(variables);
  return (name: Parameters<typeof given.get>[0]): string | undefined => given.get(name)?.text;
};

type Given = ReturnType<typeof givenReader>;

const missing = (name: string) =>
  new CliError(
    `The present ${name} is needed, in the environment of this program: Cloudflare gives no secret back, and without it everybody would be logged out.`,
  );

const listOf = (text: string | undefined): string[] =>
  (text ?? '')
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '');

/** What JWT_SECRET_PREVIOUS and JWT_PRIVATE_KEY_PREVIOUS hold, and how each is written; an empty one is deleted. */
const previousLists = {
  JWT_SECRET: {
    previous: 'JWT_SECRET_PREVIOUS',
    read: listOf,
    write: (entries: readonly string[]) => entries.join(',') || null,
  },
  JWT_PRIVATE_KEY: {
    previous: 'JWT_PRIVATE_KEY_PREVIOUS',
    read: (text: string | undefined) => pemBlocks(text ?? ''),
    write: (blocks: readonly string[]) => (blocks.length === 0 ? null : `${blocks.join('\n')}\n`),
  },
} as const;

/**
 * From one algorithm to another: the key changes, and with it the variable that holds it. Both kinds of previous key
 * verify under either algorithm, so the steps are those of any rotation.
 */
const algorithmCourse = (from: Algorithm, to: Algorithm, given: Given): Course => {
  const own = isSymmetric(from) ? 'JWT_SECRET' : 'JWT_PRIVATE_KEY';
  const present = given(own);
  if (present === undefined) throw missing(own);
  const current = isSymmetric(from) ? [present] : pemBlocks(present);
  if (isSymmetric(from) && present.includes(',')) throw comma(own);

  const { variable, value } = newSigningKey(to);
  const next = value.trim();
  const target = previousLists[variable];
  const former = previousLists[own];
  const alsoKept = target.read(given(target.previous)).filter((entry) => !current.includes(entry));
  const kept = former.read(given(former.previous)).filter((entry) => !current.includes(entry));
  return {
    announce: { [target.previous]: target.write([next, ...alsoKept]) },
    switch: {
      JWT_ALGORITHM: to,
      [target.previous]: target.write(alsoKept),
      [own]: null,
      [variable]: value,
      [former.previous]: former.write([...current, ...kept]),
    },
    retire: { JWT_SECRET_PREVIOUS: null, JWT_PRIVATE_KEY_PREVIOUS: null },
  };
};

const courseOf = (name: Rotatable, variables: Variables, to: Algorithm | undefined): Course => {
  const given = givenReader(variables);
  const from = algorithmOf(variables);
  if (name === 'JWT_SECRET' && to !== undefined && to !== from) return algorithmCourse(from, to, given);
  if (name === 'JWT_SECRET' && !isSymmetric(from)) {
    const keys = given('JWT_PRIVATE_KEY');
    if (keys === undefined) throw missing('JWT_PRIVATE_KEY');
    return asymmetricCourse(keys, from);
  }
  const current = given(name);
  if (current === undefined) throw missing(name);
  const previous = listOf(given(`${name}_PREVIOUS`)).filter((entry) => entry !== current);
  return symmetricCourse(name, current, previous);
};

/**
 * Three steps, each to be everywhere before the next begins, so that every isolate can verify at any moment what another
 * one signs: all verify the new value; all sign with it; all refuse the old one. With another algorithm for access tokens
 * JWT_SECRET, or JWT_PRIVATE_KEY, gives way to a key of that algorithm.
 * @throws CliError where a present value is missing
 */
export const planRotation = (
  names: readonly Rotatable[],
  variables: Variables,
  algorithm?: Algorithm,
): readonly Step[] => {
  const courses = names.map((name) => courseOf(name, variables, algorithm));
  return (['announce', 'switch', 'retire'] as const).map((name) => ({
    name,
    secrets: Object.assign({}, ...courses.map((course) => course[name])) as Secrets,
  }));
};

/** Deletes those of the lists of former keys that the environment has. */
const withoutFormerKeys = (given: Given): Secrets =>
  Object.fromEntries(
    Object.values(previousLists).flatMap(({ previous }) =>
      given(previous) === undefined ? [] : [[previous, null]],
    ),
  );

const replacementOf = (name: Rotatable, variables: Variables, to: Algorithm | undefined): Secrets => {
  if (name !== 'JWT_SECRET') return { [name]: newSecret(), [`${name}_PREVIOUS`]: null };
  const from = algorithmOf(variables);
  const { variable, value } = newSigningKey(to ?? from);
  const other = variable === 'JWT_SECRET' ? 'JWT_PRIVATE_KEY' : 'JWT_SECRET';
  return {
    ...withoutFormerKeys(givenReader(variables)),
    ...(to !== undefined && to !== from && { JWT_ALGORITHM: to, [other]: null }),
    [variable]: value,
    [previousLists[variable].previous]: null,
  };
};

/** For a secret that an attacker may know: the old value is void at once, and so is everything that it has signed. */
export const planReplacement = (
  names: readonly Rotatable[],
  variables: Variables,
  algorithm?: Algorithm,
): Step => {
  const replaced = names.map((name) => replacementOf(name, variables, algorithm));
  return { name: 'switch', secrets: Object.assign({}, ...replaced) as Secrets };
};

const retirementOf = (name: Rotatable, variables: Variables): Secrets => {
  if (name !== 'JWT_SECRET') return { [`${name}_PREVIOUS`]: null };
  if (isSymmetric(algorithmOf(variables)))
    return { JWT_SECRET_PREVIOUS: null, JWT_PRIVATE_KEY_PREVIOUS: null };
  const given = givenReader(variables);
  const former = withoutFormerKeys(given);
  const [first, ...earlier] = pemBlocks(given('JWT_PRIVATE_KEY') ?? '');
  if (first === undefined) throw missing('JWT_PRIVATE_KEY');
  if (earlier.length > 0) return { ...former, JWT_PRIVATE_KEY: `${first}\n` };
  if (Object.keys(former).length > 0) return former;
  // A single one may be that of before the rotation, which must not come back.
  throw new CliError(
    'JWT_PRIVATE_KEY has one key, so that there is none to retire: the environment must have the values of the rotation, the saved file. Nothing was changed.',
  );
};

/** Every isolate refuses the values before the present one. @throws CliError */
export const planRetirement = (names: readonly Rotatable[], variables: Variables): Step => {
  const retired = names.map((name) => retirementOf(name, variables));
  return { name: 'retire', secrets: Object.assign({}, ...retired) as Secrets };
};
