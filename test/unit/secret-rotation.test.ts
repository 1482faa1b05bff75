import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
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

const after = (variables: Readonly<Record<string, string>>, secrets: Secrets) => ({
  ...variables,
  ...Object.fromEntries(Object.entries(secrets).map(([name, value]) => [name, value ?? ''])),
});

describe('a rotation', () => {
  it.each(rotatable)('of %s: whatever signs in one step is verified in the steps beside it', (name) => {
    let variables: Readonly<Record<string, string>> = { ...before };
    const states = [
      variables,
      ...planRotation([name], variables).map(({ secrets }) => (variables = after(variables, secrets))),
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

it('the replacement of a leaked secret takes the old one nowhere', () => {
  const { secrets } = planReplacement(rotatable, { ...before, JWT_SECRET_PREVIOUS: 'an earlier one' });
  expect(JSON.stringify(secrets)).not.toContain(before.JWT_SECRET);
  expect(secrets).toMatchObject({ JWT_SECRET_PREVIOUS: null, SECRET_KEY_PREVIOUS: null });
});
