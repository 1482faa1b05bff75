import { describe, expect, it } from 'vitest';
import { configOf, problemsOf, strictEnv, strongSecret, warningsOf } from './config-fixtures.ts';

const pemOf = async (
  algorithm: Record<string, unknown>,
  usages: KeyUsage[] = ['sign', 'verify'],
): Promise<string> => {
  const pair = (await crypto.subtle.generateKey(algorithm as never, true, usages)) as CryptoKeyPair;
  const der = new Uint8Array((await crypto.subtle.exportKey('pkcs8', pair.privateKey)) as ArrayBuffer);
  const body = btoa(String.fromCharCode(...der)).replace(/.{64}/g, '$&\n');
  return `-----BEGIN PRIVATE KEY-----\n${body.trimEnd()}\n-----END PRIVATE KEY-----`;
};
type KeyUsage = 'sign' | 'verify';

const rsa = (modulusLength: number) =>
  pemOf({
    name: 'RSASSA-PKCS1-v1_5',
    modulusLength,
    publicExponent: new Uint8Array([1, 0, 1]),
    hash: 'SHA-256',
  });

const keys = {
  EdDSA: await pemOf({ name: 'Ed25519' }),
  ES256: await pemOf({ name: 'ECDSA', namedCurve: 'P-256' }),
  RS256: await rsa(2048),
};
const algorithms = Object.keys(keys) as (keyof typeof keys)[];
const p384 = await pemOf({ name: 'ECDSA', namedCurve: 'P-384' });
const shortRsa = await rsa(1024);

const { JWT_SECRET: _, ...strictWithoutSecret } = strictEnv;

describe('the signing key', () => {
  it.each(algorithms)('is taken from JWT_PRIVATE_KEY for %s, without a JWT_SECRET', (algorithm) => {
    const env = { ...strictWithoutSecret, JWT_ALGORITHM: algorithm, JWT_PRIVATE_KEY: keys[algorithm] };
    const { jwt } = configOf(env);
    expect(jwt.algorithm).toBe(algorithm);
    expect(jwt.privateKey?.reveal()).toBe(keys[algorithm]);
    expect(jwt.secret.reveal()).toBe('');
  });

  it.each(algorithms)('is required for %s', (algorithm) => {
    expect(problemsOf({ JWT_ALGORITHM: algorithm })).toEqual([
      expect.stringMatching(/^JWT_PRIVATE_KEY is required/),
    ]);
  });

  it.each([
    ['literal \\n', (pem: string) => pem.replaceAll('\n', '\\n')],
    ['CRLF', (pem: string) => pem.replaceAll('\n', '\r\n')],
    ['literal \\r\\n', (pem: string) => pem.replaceAll('\n', '\\r\\n')],
    ['one line', (pem: string) => pem.replaceAll('\n', ' ')],
  ])('may be written with %s', (_name, write) => {
    const env = { JWT_ALGORITHM: 'ES256', JWT_PRIVATE_KEY: write(keys.ES256) };
    expect(configOf(env).jwt.privateKey?.reveal()).toBe(keys.ES256);
  });

  it('may be followed by former keys', async () => {
    const former = await pemOf({ name: 'ECDSA', namedCurve: 'P-256' });
    const env = { JWT_ALGORITHM: 'ES256', JWT_PRIVATE_KEY: `${keys.ES256}\n\n${former}` };
    expect(configOf(env).jwt.privateKey?.reveal()).toBe(`${keys.ES256}\n${former}`);
  });

  it.each([
    ['a key of another algorithm', 'EdDSA', keys.ES256, 'is not an Ed25519 key'],
    ['a key of another curve', 'ES256', p384, 'is not a P-256 key'],
    ['a key of another kind', 'RS256', keys.EdDSA, 'is not an RSA key'],
    ['a short RSA key', 'RS256', shortRsa, 'is shorter than 2048 bits'],
    ['a second block of another kind', 'ES256', `${keys.ES256}\n${keys.EdDSA}`, 'block 2 is not a P-256 key'],
    [
      'PKCS#1',
      'RS256',
      '-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----',
      'is not PKCS#8',
    ],
    ['SEC 1', 'ES256', '-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----', 'is not PKCS#8'],
    [
      'an encrypted key',
      'ES256',
      '-----BEGIN ENCRYPTED PRIVATE KEY-----\nAA\n-----END ENCRYPTED PRIVATE KEY-----',
      'is encrypted',
    ],
    [
      'a public key',
      'ES256',
      '-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----',
      'must be PKCS#8 PEM',
    ],
    ['text', 'ES256', strongSecret, 'must be PKCS#8 PEM'],
    ['text after the key', 'ES256', `${keys.ES256} x`, 'must be PKCS#8 PEM'],
    ['a truncated key', 'ES256', keys.ES256.replace(/\n[^\n]+\n-----END/, '\n-----END'), 'is not a complete'],
    ['an empty key', 'ES256', '-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----', 'is not a complete'],
    [
      'broken base64',
      'ES256',
      '-----BEGIN PRIVATE KEY-----\n=A=\n-----END PRIVATE KEY-----',
      'is not a complete',
    ],
    // Proves ASVS 11.2.3.
  ])('is refused when it is %s', (_name, algorithm, key, detail) => {
    expect(problemsOf({ JWT_ALGORITHM: algorithm, JWT_PRIVATE_KEY: key })).toEqual([
      expect.stringContaining(`JWT_PRIVATE_KEY ${detail}`),
    ]);
  });

  it('is not used with a shared secret, and that is a warning', () => {
    const env = { JWT_PRIVATE_KEY: keys.EdDSA };
    expect(configOf(env).jwt.privateKey).toBeNull();
    expect(warningsOf(env)).toEqual([expect.stringMatching(/^JWT_PRIVATE_KEY is not used/)]);
  });

  it('that is missing is told with the command that makes one', () => {
    expect(problemsOf({ JWT_ALGORITHM: 'ES256' })).toEqual([
      expect.stringContaining('npm run secrets:generate -- --algorithm ES256'),
    ]);
  });

  it('leaves a JWT_SECRET without use, and that is a warning', () => {
    const env = { ...strictEnv, JWT_ALGORITHM: 'ES256', JWT_PRIVATE_KEY: keys.ES256 };
    expect(warningsOf(env)).toEqual([expect.stringMatching(/^JWT_SECRET is not used.*JWT_SECRET_PREVIOUS/)]);
    expect(warningsOf({ ...env, JWT_SECRET: '' })).toEqual([]);
  });

  it.each(['HS256', 'ES256', 'RS256'] as const)(
    'under %s may follow former keys of any algorithm',
    (algorithm) => {
      const former = [keys.EdDSA, keys.ES256, keys.RS256];
      const own = algorithm === 'HS256' ? {} : { JWT_PRIVATE_KEY: keys[algorithm] };
      const env = { ...own, JWT_ALGORITHM: algorithm, JWT_PRIVATE_KEY_PREVIOUS: former.join('\\n') };
      const { previousPrivateKeys } = configOf(env).jwt;
      expect(previousPrivateKeys.map((key) => key.algorithm)).toEqual(['EdDSA', 'ES256', 'RS256']);
      expect(previousPrivateKeys.map(({ pem }) => pem.reveal())).toEqual(former);
      expect(warningsOf(env)).toEqual([]);
    },
  );

  it.each([
    ['of no algorithm', p384, 'is not an Ed25519, P-256 or RSA key'],
    ['that is short', shortRsa, 'is shorter than 2048 bits'],
    ['that is no PEM', strongSecret, 'must be PKCS#8 PEM'],
    ['that is the second', `${keys.ES256}\n${p384}`, 'block 2 is not'],
  ])('may not follow a former key %s', (_name, former, detail) => {
    expect(problemsOf({ JWT_PRIVATE_KEY_PREVIOUS: former })).toEqual([
      expect.stringContaining(`JWT_PRIVATE_KEY_PREVIOUS ${detail}`),
    ]);
  });

  // Proves ASVS 9.1.2; RFC 8725, 3.2.
  it.each(['none', 'HS1', 'RS512', 'HS256,none'])('is refused for the algorithm %s', (algorithm) => {
    expect(problemsOf({ JWT_ALGORITHM: algorithm })).toEqual([
      expect.stringMatching(/^JWT_ALGORITHM must be one of/),
    ]);
  });
});

describe('access tokens', () => {
  it('keep the former secrets in order', () => {
    const { previousSecrets } = configOf({ JWT_SECRET_PREVIOUS: 'one, two' }).jwt;
    expect(previousSecrets.map((secret) => secret.reveal())).toEqual(['one', 'two']);
  });

  it('refuse an empty former secret', () => {
    expect(problemsOf({ JWT_SECRET_PREVIOUS: 'one,,two' })).toEqual(['JWT_SECRET_PREVIOUS entry 2 is empty']);
  });

  it.each([
    ['headers', { header: true, cookie: false }],
    ['cookies', { header: false, cookie: true }],
    ['cookies, headers', { header: true, cookie: true }],
  ])('are accepted from %s', (given, locations) => {
    expect(configOf({ JWT_TOKEN_LOCATION: given }).jwt.locations).toEqual(locations);
  });

  it.each(['Accept', 'accept-language', 'Content-Language', 'CONTENT-TYPE', 'Range', 'Cookie'])(
    'do not come in %s, which a page of any site can have sent',
    (name) => {
      expect(problemsOf({ JWT_HEADER_NAME: name })).toEqual([
        'JWT_HEADER_NAME must be a header that no page of another site can send',
      ]);
    },
  );

  // Proves ASVS 14.2.1; RFC 6750, 2.3.
  it('are accepted from nowhere else', () => {
    expect(problemsOf({ JWT_TOKEN_LOCATION: 'headers,query' })).toEqual([
      'JWT_TOKEN_LOCATION entry 2 must be headers or cookies',
    ]);
  });
});
