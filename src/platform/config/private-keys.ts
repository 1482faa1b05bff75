import type { AsymmetricAlgorithm } from './jwt.ts';

type Parsed = { readonly ok: true; readonly pem: string } | { readonly ok: false; readonly detail: string };

/** One DER element (X.690): its tag, its content, and what follows it. */
type Element = { readonly tag: number; readonly content: Uint8Array; readonly rest: Uint8Array };

const readElement = (der: Uint8Array): Element | undefined => {
  const [tag, first] = der;
  if (tag === undefined || first === undefined) return undefined;
  const lengthBytes = first < 0x80 ? 0 : first & 0x7f;
  if (first === 0x80 || lengthBytes > 3) return undefined;
  const start = 2 + lengthBytes;
  const length = lengthBytes === 0 ? first : der.slice(2, start).reduce((sum, byte) => sum * 256 + byte, 0);
  if (der.length < start + length) return undefined;
  return { tag, content: der.subarray(start, start + length), rest: der.subarray(start + length) };
};

const readElements = (der: Uint8Array): readonly Element[] => {
  const elements: Element[] = [];
  for (let element = readElement(der); element; element = readElement(element.rest)) elements.push(element);
  return elements;
};

const hex = (bytes: Uint8Array): string =>
  [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');

/** Object identifiers in DER, of the key and of its curve. */
const oid = {
  ed25519: '2b6570',
  ec: '2a8648ce3d0201',
  p256: '2a8648ce3d030107',
  rsa: '2a864886f70d010101',
} as const;

const minRsaBits = 2048;

const rsaBits = (privateKey: Uint8Array): number => {
  const [, modulus] = readElements(readElement(privateKey)?.content ?? new Uint8Array());
  const significant = modulus?.content.subarray(modulus.content[0] === 0 ? 1 : 0).length ?? 0;
  return significant * 8;
};

/** What is wrong with one PKCS#8 structure (RFC 5958) for an algorithm, or undefined. */
const keyProblem = (der: Uint8Array, algorithm: AsymmetricAlgorithm): string | undefined => {
  const outer = readElement(der);
  const [version, identifier, privateKey] = outer?.tag === 0x30 ? readElements(outer.content) : [];
  if (version?.tag !== 0x02 || identifier?.tag !== 0x30 || privateKey?.tag !== 0x04) {
    return 'is not a complete PKCS#8 private key';
  }

  const [key, parameters] = readElements(identifier.content).map((element) => hex(element.content));
  switch (algorithm) {
    case 'EdDSA':
      return key === oid.ed25519 ? undefined : 'is not an Ed25519 key, which EdDSA needs';
    case 'ES256':
      return key === oid.ec && parameters === oid.p256 ? undefined : 'is not a P-256 key, which ES256 needs';
    case 'RS256':
      // RFC 7518 section 3.3: 2048 bits or more.
      if (key !== oid.rsa) return 'is not an RSA key, which RS256 needs';
      return rsaBits(privateKey.content) >= minRsaBits ? undefined : `is shorter than ${minRsaBits} bits`;
  }
};

const decodeBase64 = (text: string): Uint8Array | undefined => {
  try {
    return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  } catch {
    return undefined;
  }
};

const armour = (body: string): string =>
  ['-----BEGIN PRIVATE KEY-----', ...(body.match(/.{1,64}/g) ?? []), '-----END PRIVATE KEY-----'].join('\n');

const block = /-----BEGIN PRIVATE KEY-----([A-Za-z0-9+/=\s]*)-----END PRIVATE KEY-----/g;

/** Reads PKCS#8 PEM blocks (RFC 7468 section 10), with line breaks or, as dotenv users write them, `\n`. */
export const parsePrivateKeys = (given: string, algorithm: AsymmetricAlgorithm): Parsed => {
  const text = given.replaceAll('\\r', '').replaceAll('\\n', '\n');
  if (/BEGIN ENCRYPTED PRIVATE KEY/.test(text)) {
    return { ok: false, detail: 'is encrypted: decrypt it with openssl pkcs8 -topk8 -nocrypt' };
  }
  if (/BEGIN (RSA|EC) PRIVATE KEY/.test(text)) {
    return { ok: false, detail: 'is not PKCS#8: convert it with openssl pkcs8 -topk8 -nocrypt' };
  }

  const bodies = [...text.matchAll(block)].map(([, body = '']) => body.replace(/\s/g, ''));
  if (bodies.length === 0 || text.replace(block, '').trim() !== '') {
    return {
      ok: false,
      detail: 'must be PKCS#8 PEM: -----BEGIN PRIVATE KEY----- … -----END PRIVATE KEY-----',
    };
  }

  for (const [index, body] of bodies.entries()) {
    const problem = keyProblem(decodeBase64(body) ?? new Uint8Array(), algorithm);
    if (problem)
      return { ok: false, detail: bodies.length === 1 ? problem : `block ${index + 1} ${problem}` };
  }
  return { ok: true, pem: bodies.map(armour).join('\n') };
};
