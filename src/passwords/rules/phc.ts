/** Costs of Argon2id (RFC 9106 section 3.1): memory in KiB, passes over it, lanes. */
export type Argon2Parameters = {
  readonly memoryKib: number;
  readonly iterations: number;
  readonly parallelism: number;
};

/** The content of a PHC string: everything that is needed to compute the tag again. */
export type PhcHash = {
  readonly parameters: Argon2Parameters;
  readonly salt: Uint8Array;
  readonly tag: Uint8Array;
};

/** RFC 9106 section 4 recommends 16 bytes of salt and 32 bytes of tag. */
export const saltBytes = 16;
export const tagBytes = 32;

// A row that was tampered with must not cause more work than the configuration permits.
const limits = { memoryKib: 65_536, iterations: 10, parallelism: 4 };

const pattern =
  /^\$argon2id\$v=19\$m=([1-9]\d{0,4}),t=([1-9]\d?),p=([1-9])\$([A-Za-z0-9+/]{11,64})\$([A-Za-z0-9+/]{22,86})$/;

const encodeBase64 = (bytes: Uint8Array): string => btoa(String.fromCharCode(...bytes)).replace(/=+$/, '');

/** Undefined unless the text is the canonical encoding (RFC 4648 section 3.5) of its bytes. */
const decodeBase64 = (text: string): Uint8Array | undefined => {
  if (text.length % 4 === 1) return undefined;
  const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  return encodeBase64(bytes) === text ? bytes : undefined;
};

const withinLimits = ({ memoryKib, iterations, parallelism }: Argon2Parameters): boolean =>
  memoryKib <= limits.memoryKib &&
  memoryKib >= 8 * parallelism &&
  iterations <= limits.iterations &&
  parallelism <= limits.parallelism;

/**
 * Reads `$argon2id$v=19$m=…,t=…,p=…$salt$tag`, in this order, without padding or leading zeros.
 * @returns undefined for anything else: another algorithm, parameters beyond the limits, a damaged row
 */
export const parsePhc = (text: string): PhcHash | undefined => {
  const [, memoryKib, iterations, parallelism, saltText, tagText] = pattern.exec(text) ?? [];
  if (saltText === undefined || tagText === undefined) return undefined;

  const parameters = {
    memoryKib: Number(memoryKib),
    iterations: Number(iterations),
    parallelism: Number(parallelism),
  };
  if (!withinLimits(parameters)) return undefined;

  const salt = decodeBase64(saltText);
  const tag = decodeBase64(tagText);
  return salt && tag ? { parameters, salt, tag } : undefined;
};

export const formatPhc = ({ parameters, salt, tag }: PhcHash): string => {
  const { memoryKib, iterations, parallelism } = parameters;
  const costs = `m=${memoryKib},t=${iterations},p=${parallelism}`;
  return `$argon2id$v=19$${costs}$${encodeBase64(salt)}$${encodeBase64(tag)}`;
};

/** Whether a password should be hashed again, because its hash has other costs or lengths than today's. */
export const isOutdated = ({ parameters, salt, tag }: PhcHash, today: Argon2Parameters): boolean =>
  parameters.memoryKib !== today.memoryKib ||
  parameters.iterations !== today.iterations ||
  parameters.parallelism !== today.parallelism ||
  salt.length !== saltBytes ||
  tag.length !== tagBytes;
