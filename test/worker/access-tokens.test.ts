import { importPKCS8, SignJWT } from 'jose';
import { describe, expect, it } from 'vitest';
import { Secret } from '../../src/platform/config/secret.ts';
import { createAccessTokens } from '../../src/sessions/access-tokens.ts';

type JwtConfig = Parameters<typeof createAccessTokens>[0];

const secret = 'a-secret-of-32-bytes-for-the-tests';
const base: JwtConfig = {
  algorithm: 'HS256',
  secret: new Secret(secret),
  previousSecrets: [],
  previousPrivateKeys: [],
  privateKey: null,
  accessTtlSeconds: 3600,
  issuer: 'itsor-backend',
  audience: 'itsor-clients',
  locations: { header: true, cookie: true },
  headerName: 'Authorization',
  headerType: 'Bearer',
};
const now = new Date('2026-11-20T10:00:00.000Z');
const seconds = (count: number) => new Date(now.getTime() + count * 1000);
const claims = {
  userId: '01a1f87d-8ef9-7045-82f1-88291237d44a',
  sessionId: '01a1f87d-8ef9-7045-82f1-88291237d44b',
  roles: ['user'],
};
const tokens = createAccessTokens(base);
const signed = () => tokens.sign({ ...claims, tokenId: 'id' }, now, seconds(3600));
const decode = (segment = '') => JSON.parse(atob(segment.replaceAll('-', '+').replaceAll('_', '/')));

const privateKeyPem = async (
  algorithm: EcKeyAlgorithm | { name: string } | RsaHashedKeyGenParams,
): Promise<string> => {
  const pair = (await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])) as CryptoKeyPair;
  const der = (await crypto.subtle.exportKey('pkcs8', pair.privateKey)) as ArrayBuffer;
  return `-----BEGIN PRIVATE KEY-----\n${new Uint8Array(der).toBase64()}\n-----END PRIVATE KEY-----\n`;
};
type RsaHashedKeyGenParams = {
  name: string;
  modulusLength: number;
  publicExponent: Uint8Array;
  hash: string;
};
type EcKeyAlgorithm = { name: string; namedCurve: string };

const keyKinds = {
  EdDSA: { name: 'Ed25519' },
  ES256: { name: 'ECDSA', namedCurve: 'P-256' },
  RS256: {
    name: 'RSASSA-PKCS1-v1_5',
    modulusLength: 2048,
    publicExponent: new Uint8Array([1, 0, 1]),
    hash: 'SHA-256',
  },
} as const;

describe('an access token', () => {
  // Proves ASVS 9.2.4; RFC 8725, 3.11; RFC 9068, 2.1.
  it('is an at+jwt with the claims of the contract', async () => {
    const [header, payload] = (await signed())
      .split('.')
      .map((segment, i) => (i < 2 ? decode(segment) : segment));
    expect(header).toEqual({ alg: 'HS256', typ: 'at+jwt', kid: expect.any(String) });
    const iat = now.getTime() / 1000;
    expect(payload).toEqual({
      iss: 'itsor-backend',
      aud: 'itsor-clients',
      sub: claims.userId,
      sid: claims.sessionId,
      jti: 'id',
      iat,
      exp: iat + 3600,
      roles: ['user'],
    });
  });

  // Proves ASVS 9.2.1; RFC 7519, 4.1.4.
  it('is good until 30 seconds after it expires, and is then reported as expired', async () => {
    const token = await signed();
    expect(await tokens.verify(token, now)).toEqual({ kind: 'valid', claims, goodUntil: seconds(3630) });
    expect((await tokens.verify(token, seconds(3629))).kind).toBe('valid');
    expect((await tokens.verify(token, seconds(3630))).kind).toBe('expired');
  });

  // Proves RFC 8725, 3.1.
  it.each(['HS256', 'HS384', 'HS512'] as const)('is signed and verified under %s', async (algorithm) => {
    const own = createAccessTokens({ ...base, algorithm });
    const token = await own.sign({ ...claims, tokenId: 'id' }, now, seconds(60));
    expect(decode(token.split('.')[0]).alg).toBe(algorithm);
    expect((await own.verify(token, now)).kind).toBe('valid');
    expect(await own.jwks()).toEqual({ keys: [] });
  });

  it.each(['EdDSA', 'ES256', 'RS256'] as const)(
    'under %s verifies with the published key, and rotates',
    async (algorithm) => {
      const [before, after] = [
        await privateKeyPem(keyKinds[algorithm]),
        await privateKeyPem(keyKinds[algorithm]),
      ];
      const old = createAccessTokens({ ...base, algorithm, privateKey: new Secret(before) });
      const both = createAccessTokens({ ...base, algorithm, privateKey: new Secret(after + before) });
      const only = createAccessTokens({ ...base, algorithm, privateKey: new Secret(after) });
      const token = await old.sign({ ...claims, tokenId: 'id' }, now, seconds(60));
      expect((await both.verify(token, now)).kind).toBe('valid');
      expect((await only.verify(token, now)).kind).toBe('invalid');

      const { keys } = await both.jwks();
      expect(keys).toHaveLength(2);
      for (const key of keys) {
        expect(key).toMatchObject({ alg: algorithm, use: 'sig', kid: expect.any(String) });
        for (const secretMember of ['d', 'p', 'q', 'dp', 'dq', 'qi', 'k'])
          expect(key).not.toHaveProperty(secretMember);
      }
      expect(keys.map(({ kid }) => kid)).toContain(decode(token.split('.')[0]).kid);
      // A public key taken for an HMAC secret is the oldest trick there is (RFC 8725 section 2.1).
      const confused = await new SignJWT({ sid: claims.sessionId, roles: ['admin'] })
        .setProtectedHeader({ alg: 'HS256', typ: 'at+jwt', kid: keys[0]?.kid ?? '' })
        .setSubject(claims.userId)
        .setIssuer(base.issuer)
        .setAudience(base.audience)
        .setJti('id')
        .setIssuedAt(now)
        .setExpirationTime(seconds(60))
        .sign(new TextEncoder().encode(JSON.stringify(keys[0])));
      expect((await both.verify(confused, now)).kind).toBe('invalid');
    },
  );

  // Proves ASVS 11.2.2; ASVS 13.3.4.
  it('is verified under a previous secret and signed under the current one', async () => {
    const next = createAccessTokens({
      ...base,
      secret: new Secret('another-secret-of-32-bytes-or-more'),
      previousSecrets: [base.secret],
    });
    expect((await next.verify(await signed(), now)).kind).toBe('valid');
    const fresh = await next.sign({ ...claims, tokenId: 'id' }, now, seconds(60));
    expect((await tokens.verify(fresh, now)).kind).toBe('invalid');
  });

  // Proves ASVS 11.2.2; RFC 8725, 3.1.
  it.each([
    ['HS256', 'ES256'],
    ['HS512', 'ES256'],
    ['ES256', 'HS256'],
    ['ES256', 'HS384'],
    ['EdDSA', 'ES256'],
    ['HS256', 'HS512'],
  ] as const)('of %s stays good when the algorithm changes to %s', async (from, to) => {
    const keyOf = async (algorithm: JwtConfig['algorithm']) =>
      algorithm in keyKinds ? privateKeyPem(keyKinds[algorithm as keyof typeof keyKinds]) : null;
    const [formerPem, nextPem] = [await keyOf(from), await keyOf(to)];
    const [formerSecret, nextSecret] = [base.secret, new Secret('another-secret-of-32-bytes-or-more')];
    const pair = (algorithm: JwtConfig['algorithm'], pem: string | null, own: Secret) => ({
      signs: { algorithm, privateKey: pem ? new Secret(pem) : null, secret: pem ? new Secret('') : own },
      verifies: pem
        ? { previousPrivateKeys: [{ algorithm: algorithm as 'ES256', pem: new Secret(pem) }] }
        : { previousSecrets: [own] },
    });
    const former = pair(from, formerPem, formerSecret);
    const next = pair(to, nextPem, nextSecret);
    // The steps of npm run secrets:rotate.
    const states = [
      former.signs,
      { ...former.signs, ...next.verifies },
      { ...next.signs, ...former.verifies },
      next.signs,
    ].map((state) => createAccessTokens({ ...base, ...state }));
    for (const [at, own] of states.entries()) {
      const token = await own.sign({ ...claims, tokenId: 'id' }, now, seconds(60));
      // Only the first state does not know the next key, and only the last one no longer knows the former.
      const stranger = at < 2 ? 3 : 0;
      for (const [beside, other] of states.entries())
        expect((await other.verify(token, now)).kind, `${at} at ${beside}`).toBe(
          beside === stranger ? 'invalid' : 'valid',
        );
    }
  });

  // Proves RFC 8725, 2.1; RFC 8725, 3.1.
  it('is verified only under the algorithm of the key that its kid names', async () => {
    const es256 = await privateKeyPem(keyKinds.ES256);
    const edDsa = await privateKeyPem(keyKinds.EdDSA);
    const rs256 = await privateKeyPem(keyKinds.RS256);
    const own = createAccessTokens({
      ...base,
      algorithm: 'ES256',
      secret: new Secret(''),
      privateKey: new Secret(es256),
      previousSecrets: [base.secret],
      previousPrivateKeys: [
        { algorithm: 'EdDSA', pem: new Secret(edDsa) },
        { algorithm: 'RS256', pem: new Secret(rs256) },
      ],
    });
    const tokenOf = (change: Partial<JwtConfig>) =>
      createAccessTokens({ ...base, ...change }).sign({ ...claims, tokenId: 'id' }, now, seconds(60));
    const genuine = {
      ES256: await tokenOf({ algorithm: 'ES256', privateKey: new Secret(es256) }),
      EdDSA: await tokenOf({ algorithm: 'EdDSA', privateKey: new Secret(edDsa) }),
      RS256: await tokenOf({ algorithm: 'RS256', privateKey: new Secret(rs256) }),
      HS256: await tokenOf({ algorithm: 'HS256' }),
      HS384: await tokenOf({ algorithm: 'HS384' }),
      HS512: await tokenOf({ algorithm: 'HS512' }),
    };
    type Name = keyof typeof genuine;
    const names = Object.keys(genuine) as Name[];
    const kidOf = (name: Name) => decode(genuine[name].split('.')[0]).kid as string;
    expect(new Set(names.map(kidOf)).size).toBe(names.length);
    for (const name of names) expect((await own.verify(genuine[name], now)).kind, name).toBe('valid');

    const { keys } = await own.jwks();
    const published = keys.flatMap((jwk) => [
      JSON.stringify(jwk),
      jwk.x ?? jwk.n ?? '',
      `-----BEGIN PUBLIC KEY-----\n${jwk.x ?? jwk.n}\n-----END PUBLIC KEY-----\n`,
    ]);
    const signers: [Name, CryptoKey | Uint8Array][] = [
      ['ES256', await importPKCS8(es256, 'ES256')],
      ['EdDSA', await importPKCS8(edDsa, 'EdDSA')],
      ['RS256', await importPKCS8(rs256, 'RS256')],
      ...(['HS256', 'HS384', 'HS512'] as const).flatMap((name) =>
        [secret, '', ...published].map((text): [Name, Uint8Array] => [
          name,
          new TextEncoder().encode(text.padEnd(1, '\0')),
        ]),
      ),
    ];
    const isSecret = (key: CryptoKey | Uint8Array) =>
      key instanceof Uint8Array && new TextDecoder().decode(key) === secret;
    for (const [algorithm, key] of signers)
      for (const named of names) {
        const token = await craft({}, { alg: algorithm, kid: kidOf(named) }, key);
        const isGenuine = algorithm === named && (key instanceof CryptoKey || isSecret(key));
        // An ES256 signature that WebCrypto made may have the high s.
        const kinds =
          isGenuine && algorithm === 'ES256' ? ['valid', 'invalid'] : [isGenuine ? 'valid' : 'invalid'];
        expect(kinds, `${algorithm} with the kid of ${named}`).toContain((await own.verify(token, now)).kind);
      }
    for (const alg of ['none', 'HS1', 'ES384', 'es256', undefined]) {
      const [, payload, signature] = genuine.ES256.split('.');
      const header = new TextEncoder()
        .encode(JSON.stringify({ alg, typ: 'at+jwt', kid: kidOf('ES256') }))
        .toBase64({ alphabet: 'base64url', omitPadding: true });
      expect((await own.verify(`${header}.${payload}.${signature}`, now)).kind, alg).toBe('invalid');
    }
  });

  it('is refused with a header that is no JSON object, or whose kid is no text', async () => {
    const [, payload, signature] = (await signed()).split('.');
    for (const header of ['"HS256"', '[]', 'null', '{', '{"kid":1}', '{"kid":["x"]}', '{"kid":null}'])
      expect(
        (await tokens.verify(`${btoa(header).replace(/=+$/, '')}.${payload}.${signature}`, now)).kind,
      ).toBe('invalid');
  });

  // Proves RFC 7515, 2.
  it('has one spelling', async () => {
    const token = await signed();
    const [header = '', payload = '', signature = ''] = token.split('.');
    const otherLastLetter = String.fromCharCode(signature.charCodeAt(42) + 1);
    for (const spelling of [
      ` ${token}`,
      `${token}\n`,
      `${token}=`,
      `${header}.${payload} .${signature}`,
      `${header}.${payload}.${signature.slice(0, 42)}${otherLastLetter}`,
      `${header}.${payload}.${signature}.`,
      `${header}.${payload}.`,
      `${header}.${payload}`,
      token.replaceAll('-', '+').replace('.', '.\u0000'),
      '',
      'x'.repeat(100_000),
    ]) {
      expect((await tokens.verify(spelling, now)).kind, JSON.stringify(spelling.slice(-60))).toBe('invalid');
    }
  });

  const bytesOf = (token: string) =>
    Uint8Array.fromBase64(token.slice(token.lastIndexOf('.') + 1), { alphabet: 'base64url' });
  const withSignature = (token: string, signature: Uint8Array) =>
    token.slice(0, token.lastIndexOf('.') + 1) +
    signature.toBase64({ alphabet: 'base64url', omitPadding: true });
  const toNumber = (bytes: Uint8Array) => BigInt(`0x${bytes.toHex()}`);
  const toBytes = (value: bigint, length: number) =>
    Uint8Array.fromHex(value.toString(16).padStart(2 * length, '0'));
  const sign = (own: ReturnType<typeof createAccessTokens>, tokenId: string) =>
    own.sign({ ...claims, tokenId }, now, seconds(60));
  const under = async (algorithm: keyof typeof keyKinds) =>
    createAccessTokens({
      ...base,
      algorithm,
      privateKey: new Secret(await privateKeyPem(keyKinds[algorithm])),
    });

  it('under ES256 has one spelling: of the two values of s the lower one', async () => {
    const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
    const own = await under('ES256');
    for (let turn = 0; turn < 200; turn++) {
      const token = await sign(own, String(turn));
      expect((await own.verify(token, now)).kind).toBe('valid');
      const signature = bytesOf(token);
      const flipped = new Uint8Array(signature);
      flipped.set(toBytes(order - toNumber(signature.slice(32)), 32), 32);
      expect((await own.verify(withSignature(token, flipped), now)).kind).toBe('invalid');
    }
  });

  it('under EdDSA has one spelling: an s beyond the order is refused', async () => {
    const order = 2n ** 252n + 27_742_317_777_372_353_535_851_937_790_883_648_493n;
    const own = await under('EdDSA');
    const token = await sign(own, 'id');
    const signature = bytesOf(token);
    const s = toNumber(signature.slice(32).reverse());
    const other = new Uint8Array(signature);
    other.set(toBytes(s + order, 32).reverse(), 32);
    expect((await own.verify(withSignature(token, other), now)).kind).toBe('invalid');
  });

  it('under RS256 has one spelling: neither more nor fewer bytes, nor a number beyond the modulus', async () => {
    const own = await under('RS256');
    const { keys } = await own.jwks();
    const modulus = toNumber(Uint8Array.fromBase64(keys[0]?.n ?? '', { alphabet: 'base64url' }));
    for (let turn = 0; turn < 8; turn++) {
      const token = await sign(own, String(turn));
      const signature = bytesOf(token);
      const spellings = [new Uint8Array([0, ...signature]), signature.slice(1)];
      const beyond = toNumber(signature) + modulus;
      if (beyond < 2n ** 2048n) spellings.push(toBytes(beyond, 256));
      for (const spelling of spellings) {
        expect((await own.verify(withSignature(token, spelling), now)).kind).toBe('invalid');
      }
    }
  });

  const key = new TextEncoder().encode(secret);
  const craft = async (
    payload: Record<string, unknown>,
    header: Record<string, unknown> = {},
    by: Uint8Array | CryptoKey = key,
  ): Promise<string> => {
    const { kid } = decode((await signed()).split('.')[0]);
    const iat = now.getTime() / 1000;
    return new SignJWT({
      iss: base.issuer,
      aud: base.audience,
      sub: claims.userId,
      sid: claims.sessionId,
      jti: 'id',
      roles: [],
      iat,
      exp: iat + 60,
      ...payload,
    })
      .setProtectedHeader({ alg: 'HS256', typ: 'at+jwt', kid, ...header })
      .sign(by);
  };

  // Proves ASVS 7.2.1; ASVS 9.1.1; ASVS 9.1.3; ASVS 9.2.1; ASVS 9.2.2; ASVS 9.2.3; RFC 7515, 4.1.4; RFC 7515, 5.2; RFC 7519, 4.1.3; RFC 7519, 4.1.5; RFC 8725, 3.1; RFC 8725, 3.8; RFC 8725, 3.9; RFC 8725, 3.10; RFC 9068, 4.
  it('is refused for every wrong claim or header', async () => {
    expect((await tokens.verify(await craft({}), now)).kind).toBe('valid');
    const cases: [string, Promise<string>][] = [
      ['another issuer', craft({ iss: 'somebody' })],
      ['another audience', craft({ aud: 'somebody' })],
      ['no audience', craft({ aud: undefined })],
      ['no expiry', craft({ exp: undefined })],
      ['no session', craft({ sid: undefined })],
      ['no token id', craft({ jti: undefined })],
      ['no issue time', craft({ iat: undefined })],
      ['a session that is no UUID', craft({ sid: "' or 1=1" })],
      ['a subject that is no UUID', craft({ sub: 'admin' })],
      ['roles that are no list', craft({ roles: 'admin' })],
      ['a time before which it is not good', craft({ nbf: now.getTime() / 1000 + 60 })],
      ['another type', craft({}, { typ: 'JWT' })],
      ['no type', craft({}, { typ: undefined })],
      ['an unknown key', craft({}, { kid: 'unknown' })],
      ['no key', craft({}, { kid: undefined })],
      ['another algorithm', craft({}, { alg: 'HS512' }, new Uint8Array(64))],
      ['another secret', craft({}, {}, new TextEncoder().encode('a-secret-of-32-bytes-that-is-not-it'))],
    ];
    for (const [name, token] of cases)
      expect((await tokens.verify(await token, now)).kind, name).toBe('invalid');
  });

  // Proves ASVS 9.1.1; ASVS 9.1.2; RFC 8725, 3.2.
  it('is refused without a signature', async () => {
    const [, payload] = (await signed()).split('.');
    const none = btoa(JSON.stringify({ alg: 'none', typ: 'at+jwt' })).replaceAll('=', '');
    expect((await tokens.verify(`${none}.${payload}.`, now)).kind).toBe('invalid');
    expect((await tokens.verify(`${none}.${payload}.AA`, now)).kind).toBe('invalid');
  });
});
