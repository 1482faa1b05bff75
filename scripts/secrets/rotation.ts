import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { resolveVariables } from '../../src/platform/config/resolve.ts';
import { CliError } from '../program/cli.ts';
import type { Variables } from '../program/project.ts';

export const rotatable = ['JWT_SECRET', 'SECRET_KEY'] as const;
export type Rotatable = (typeof rotatable)[number];

/** Values of secrets; null deletes one. */
export type Secrets = Readonly<Record<string, string | null>>;

export type Step = { readonly name: 'announce' | 'switch' | 'retire'; readonly secrets: Secrets };

type PairType = 'ed25519' | 'ec' | 'rsa';
const keyTypes: Readonly<Record<string, PairType>> = { EdDSA: 'ed25519', ES256: 'ec', RS256: 'rsa' };

/** 32 random bytes, of which none is a comma. */
export const newSecret = (): string => randomBytes(32).toString('base64url');

const newPair = (type: PairType) => {
  switch (type) {
    case 'ed25519':
      return generateKeyPairSync('ed25519');
    case 'ec':
      return generateKeyPairSync('ec', { namedCurve: 'P-256' });
    case 'rsa':
      return generateKeyPairSync('rsa', { modulusLength: 2048 });
  }
};

const newPrivateKey = (type: PairType): string =>
  String(newPair(type).privateKey.export({ type: 'pkcs8', format: 'pem' }));

const pemBlocks = (text: string): string[] =>
  text.match(/-----BEGIN [A-Z ]+-----[\s\S]*?-----END [A-Z ]+-----/g) ?? [];

/** The changes to one secret, step by step. */
type Course = Readonly<Record<Step['name'], Secrets>>;

const symmetricCourse = (name: Rotatable, current: string, previous: readonly string[]): Course => {
  if (current.includes(','))
    throw new CliError(`${name} has a comma, which ${name}_PREVIOUS cannot hold: rotate it with --leaked.`);
  const next = newSecret();
  const previousName = `${name}_PREVIOUS`;
  return {
    announce: { [previousName]: [next, ...previous].join(',') },
    switch: { [name]: next, [previousName]: [current, ...previous].join(',') },
    retire: { [previousName]: null },
  };
};

/** Of several keys in JWT_PRIVATE_KEY the first signs, and all of them verify. */
const asymmetricCourse = (current: string, type: PairType): Course => {
  const keys = pemBlocks(current);
  const next = newPrivateKey(type).trim();
  const join = (blocks: readonly string[]) => ({ JWT_PRIVATE_KEY: `${blocks.join('\n')}\n` });
  return { announce: join([...keys, next]), switch: join([next, ...keys]), retire: join([next]) };
};

/** The text that a variable has, by whichever of its names; the first says which are meant in a sentence. */
const givenReader = (variables: Variables) => {
  const { given } = resolveVariables(variables);
  return (name: Parameters<typeof given.get>[0]): string | undefined => given.get(name)?.text;
};

const missing = (name: string) =>
  new CliError(
    `The present ${name} is needed, in the environment of this program: Cloudflare gives no secret back, and without it everybody would be logged out.`,
  );

const courseOf = (name: Rotatable, variables: Variables): Course => {
  const given = givenReader(variables);
  const type = name === 'JWT_SECRET' ? keyTypes[given('JWT_ALGORITHM') ?? ''] : undefined;
  if (type) {
    const keys = given('JWT_PRIVATE_KEY');
    if (keys === undefined) throw missing('JWT_PRIVATE_KEY');
    return asymmetricCourse(keys, type);
  }
  const current = given(name);
  if (current === undefined) throw missing(name);
  const previous = (given(`${name}_PREVIOUS`) ?? '').split(',').map((entry) => entry.trim());
  return symmetricCourse(
    name,
    current,
    previous.filter((entry) => entry !== '' && entry !== current),
  );
};

/**
 * Three steps, each to be everywhere before the next begins, so that every isolate can verify at any moment what another
 * one signs: all verify the new value; all sign with it; all refuse the old one.
 * @throws CliError where a present value is missing
 */
export const planRotation = (names: readonly Rotatable[], variables: Variables): readonly Step[] => {
  const courses = names.map((name) => courseOf(name, variables));
  return (['announce', 'switch', 'retire'] as const).map((name) => ({
    name,
    secrets: Object.assign({}, ...courses.map((course) => course[name])) as Secrets,
  }));
};

/** For a secret that an attacker may know: the old value is void at once, and so is everything that it has signed. */
export const planReplacement = (names: readonly Rotatable[], variables: Variables): Step => {
  const type = keyTypes[givenReader(variables)('JWT_ALGORITHM') ?? ''];
  const replaced = names.map(
    (name): Secrets =>
      name === 'JWT_SECRET' && type
        ? { JWT_PRIVATE_KEY: newPrivateKey(type) }
        : { [name]: newSecret(), [`${name}_PREVIOUS`]: null },
  );
  return { name: 'switch', secrets: Object.assign({}, ...replaced) as Secrets };
};

/** Every isolate refuses the values before the present one. */
export const planRetirement = (names: readonly Rotatable[], variables: Variables): Step => {
  const given = givenReader(variables);
  const isAsymmetric = (given('JWT_ALGORITHM') ?? '') in keyTypes;
  const retired = names.map((name): Secrets => {
    if (name !== 'JWT_SECRET' || !isAsymmetric) return { [`${name}_PREVIOUS`]: null };
    const [first, ...earlier] = pemBlocks(given('JWT_PRIVATE_KEY') ?? '');
    if (first === undefined) throw missing('JWT_PRIVATE_KEY');
    // A single one may be that of before the rotation, which must not come back.
    if (earlier.length === 0)
      throw new CliError(
        'JWT_PRIVATE_KEY has one key, so that there is none to retire: the environment must have the values of the rotation, the saved file. Nothing was changed.',
      );
    return { JWT_PRIVATE_KEY: `${first}\n` };
  });
  return { name: 'retire', secrets: Object.assign({}, ...retired) as Secrets };
};
