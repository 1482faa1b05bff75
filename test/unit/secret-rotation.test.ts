import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { refuseFixed } from '../../scripts/secrets/algorithm.ts';
import {
  newPrivateKey,
  newSigningKey,
  planReplacement,
  planRetirement,
  planRotation,
  rotatable,
  type Secrets,
} from '../../scripts/secrets/rotation.ts';
import { loadConfig } from '../../src/platform/config/load.ts';
import { strictEnv } from './config-fixtures.ts';

const before = {
  JWT_SECRET: String(strictEnv.JWT_SECRET),
  SECRET_KEY: String(strictEnv.SECRET_KEY),
};
const entries = (secrets: Secrets | undefined, name: string) =>
  (secrets?.[name] ?? '').split(',').filter(Boolean);

/** Every value that verifies after a step, the signing one first. */
const verifying = (variables: Readonly<Record<string, string>>, name: 'JWT_SECRET' | 'SECRET_KEY') => [
  variables[name] ?? '',
  ...entries(variables, `${name}_PREVIOUS`),
];

const applied = (variables: Readonly<Record<string, string>>, secrets: Secrets) => ({
  ...variables,
  ...Object.fromEntries(Object.entries(secrets).map(([name, value]) => [name, value ?? ''])),
});

describe('a rotation', () => {
  it.each(rotatable)('of %s: whatever signs in one step is verified in the steps beside it', (name) => {
    let variables: Readonly<Record<string, string>> = { ...before };
    const states = [
      variables,
      ...planRotation([name], variables).map(({ secrets }) => (variables = applied(variables, secrets))),
    ];
    for (const [at, state] of states.entries()) {
      for (const beside of [states[at - 1], states[at + 1]]) {
        if (beside) expect(verifying(beside, name)).toContain(state[name]);
      }
    }
    expect(verifying(variables, name)).toHaveLength(1);
    expect(variables[name]).not.toBe(before[name]);
    expect(loadConfig({ ...strictEnv, ...variables }).ok).toBe(true);
  });

  it('leaves what it does not rotate, and keeps what verified before', () => {
    const [announce, change] = planRotation(['JWT_SECRET'], {
      ...before,
      JWT_SECRET_PREVIOUS: 'an earlier one',
    });
    expect(Object.keys({ ...announce?.secrets, ...change?.secrets }).toSorted()).toEqual([
      'JWT_SECRET',
      'JWT_SECRET_PREVIOUS',
    ]);
    expect(entries(change?.secrets, 'JWT_SECRET_PREVIOUS')).toEqual([before.JWT_SECRET, 'an earlier one']);
  });

  it('makes 32 random bytes, anew each time', () => {
    const values = Array.from(
      { length: 20 },
      () => planRotation(rotatable, before)[1]?.secrets.SECRET_KEY ?? '',
    );
    expect(new Set(values).size).toBe(20);
    for (const value of values) expect(Buffer.from(value, 'base64url')).toHaveLength(32);
  });

  it('reads a secret by its other name', () => {
    const plan = planRotation(['JWT_SECRET'], { JWT_SECRET_KEY: before.JWT_SECRET });
    expect(entries(plan[1]?.secrets, 'JWT_SECRET_PREVIOUS')).toEqual([before.JWT_SECRET]);
  });

  it('refuses what it cannot do: without the present value, or one that a list cannot hold', () => {
    expect(() => planRotation(['SECRET_KEY'], {})).toThrow(/The present SECRET_KEY is needed/);
    expect(() => planRotation(['SECRET_KEY'], { SECRET_KEY: 'one,two' })).toThrow(/comma/);
  });

  it.each([
    ['EdDSA', () => generateKeyPairSync('ed25519')],
    ['ES256', () => generateKeyPairSync('ec', { namedCurve: 'P-256' })],
    ['RS256', () => generateKeyPairSync('rsa', { modulusLength: 2048 })],
  ])('of a %s key: both verify before the new one signs', (algorithm, pair) => {
    const old = String(pair().privateKey.export({ type: 'pkcs8', format: 'pem' })).trim();
    const variables = { JWT_ALGORITHM: algorithm, JWT_PRIVATE_KEY: old };
    const [announce, change, retire] = planRotation(['JWT_SECRET'], variables).map(({ secrets }) =>
      (secrets.JWT_PRIVATE_KEY ?? '').split(/(?<=-----END PRIVATE KEY-----)\n/).filter(Boolean),
    );
    expect(announce).toEqual([old, expect.any(String)]);
    expect(change).toEqual(announce?.toReversed());
    expect(retire).toEqual([announce?.[1]]);
    expect(() => createPrivateKey(retire?.[0] ?? '')).not.toThrow();
    expect(
      planRetirement(['JWT_SECRET'], { ...variables, JWT_PRIVATE_KEY: change?.join('\n') ?? '' }).secrets,
    ).toEqual({
      JWT_PRIVATE_KEY: `${change?.[0]}\n`,
    });
    // The environment of before the rotation would bring the old key back.
    expect(() => planRetirement(['JWT_SECRET'], variables)).toThrow(/values of the rotation, the saved file/);
  });
});

type State = Readonly<Record<string, string>>;

/** The keys of a state, by algorithm: the one that signs, and all that verify. */
const keysOf = (state: State) => {
  const loaded = loadConfig({ ...strictEnv, JWT_SECRET: '', ...state });
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
  expect(loaded.warnings).toEqual([]);
  const { algorithm, secret, privateKey, previousSecrets, previousPrivateKeys } = loaded.config.jwt;
  const current = privateKey
    ? (privateKey.reveal().match(/-----BEGIN[^-]+-----[^-]+-----END[^-]+-----/g) ?? [])
    : [secret.reveal()];
  const name = (pem: string) => pem.replace(/\s/g, '');
  const verifies = [
    ...current.map((each) => `${algorithm} ${name(each)}`),
    ...previousSecrets.flatMap((each) =>
      ['HS256', 'HS384', 'HS512'].map((hmac) => `${hmac} ${each.reveal()}`),
    ),
    ...previousPrivateKeys.map((each) => `${each.algorithm} ${name(each.pem.reveal())}`),
  ];
  return { signs: verifies[0] ?? '', verifies };
};

const algorithms = ['HS256', 'HS512', 'EdDSA', 'ES256', 'RS256'] as const;
const stateOf = (algorithm: (typeof algorithms)[number]): State => {
  const { variable, value } = newSigningKey(algorithm);
  return { SECRET_KEY: before.SECRET_KEY, JWT_ALGORITHM: algorithm, [variable]: value };
};

describe('a rotation to another algorithm', () => {
  it.each(
    algorithms.flatMap((from) => algorithms.filter((to) => to !== from).map((to) => [from, to] as const)),
  )('from %s to %s: whatever signs in one step is verified in the steps beside it', (from, to) => {
    let variables = stateOf(from);
    const states = [
      variables,
      ...planRotation(['JWT_SECRET'], variables, to).map(
        ({ secrets }) => (variables = applied(variables, secrets)),
      ),
    ].map(keysOf);
    for (const [at, { signs }] of states.entries())
      for (const beside of [states[at - 1], states[at + 1]])
        if (beside) expect(beside.verifies).toContain(signs);
    expect(variables.JWT_ALGORITHM).toBe(to);
    expect(states.at(-1)?.verifies).toHaveLength(1);
    expect(states.at(-1)?.verifies).not.toContain(states[0]?.signs);
  });

  it('goes there and back, and retires what the saved values name', () => {
    const start = { ...before };
    const [announce, change] = planRotation(['JWT_SECRET'], start, 'ES256');
    expect(Object.keys(announce?.secrets ?? {})).toEqual(['JWT_PRIVATE_KEY_PREVIOUS']);
    expect(change?.secrets).toMatchObject({
      JWT_ALGORITHM: 'ES256',
      JWT_SECRET: null,
      JWT_SECRET_PREVIOUS: before.JWT_SECRET,
      JWT_PRIVATE_KEY_PREVIOUS: null,
    });
    const there = applied(applied(start, announce?.secrets ?? {}), change?.secrets ?? {});
    expect(planRetirement(['JWT_SECRET'], there).secrets).toEqual({ JWT_SECRET_PREVIOUS: null });

    const [, back] = planRotation(['JWT_SECRET'], there, 'HS256');
    const again = keysOf(applied(there, back?.secrets ?? {}));
    expect(again.signs).toMatch(/^HS256 /);
    // Also that of before, which was not retired.
    expect(again.verifies).toEqual(
      expect.arrayContaining([keysOf(there).signs, `HS256 ${before.JWT_SECRET}`]),
    );
    expect(planRetirement(['JWT_SECRET'], applied(there, back?.secrets ?? {})).secrets).toEqual({
      JWT_SECRET_PREVIOUS: null,
      JWT_PRIVATE_KEY_PREVIOUS: null,
    });
  });

  it('refuses what it cannot do: without the present key, or one that a list cannot hold', () => {
    const { JWT_PRIVATE_KEY: _, ...without } = stateOf('ES256');
    expect(() => planRotation(['JWT_SECRET'], without, 'HS256')).toThrow(/present JWT_PRIVATE_KEY is needed/);
    expect(() => planRotation(['JWT_SECRET'], { JWT_SECRET: 'one,two' }, 'ES256')).toThrow(/comma/);
  });

  it('of a leaked key keeps nothing of it', () => {
    const variables = {
      ...before,
      JWT_SECRET_PREVIOUS: 'an earlier one',
      JWT_PRIVATE_KEY_PREVIOUS: newPrivateKey('EdDSA'),
    };
    const { secrets } = planReplacement(['JWT_SECRET'], variables, 'ES256');
    expect(secrets).toEqual({
      JWT_ALGORITHM: 'ES256',
      JWT_SECRET: null,
      JWT_SECRET_PREVIOUS: null,
      JWT_PRIVATE_KEY: expect.any(String),
      JWT_PRIVATE_KEY_PREVIOUS: null,
    });
    expect(keysOf(applied(variables, secrets)).verifies).toHaveLength(1);
  });

  it('refuses an algorithm that wrangler.toml has, which would come back with the next deployment', () => {
    expect(() => refuseFixed('HS256', 'ES256')).toThrow(/make it a secret first.*Nothing was changed/);
    for (const found of [undefined, 'ES256']) expect(() => refuseFixed(found, 'ES256')).not.toThrow();
  });

  it('reads the algorithm in any case, as the Worker does', () => {
    const { JWT_PRIVATE_KEY: key = '' } = stateOf('ES256');
    const plan = planRotation(['JWT_SECRET'], { JWT_ALGORITHM: 'es256', JWT_PRIVATE_KEY: key });
    expect(plan.map(({ secrets }) => Object.keys(secrets))).toEqual(Array(3).fill(['JWT_PRIVATE_KEY']));
  });
});

it('the replacement of a leaked secret takes the old one nowhere', () => {
  const { secrets } = planReplacement(rotatable, { ...before, JWT_SECRET_PREVIOUS: 'an earlier one' });
  expect(JSON.stringify(secrets)).not.toContain(before.JWT_SECRET);
  expect(secrets).toMatchObject({ JWT_SECRET_PREVIOUS: null, SECRET_KEY_PREVIOUS: null });
});
