import { type CryptoKey, importJWK, type JWK } from 'jose';

/** The algorithms that a public key verifies. A shared secret (HS256) must never be among them (RFC 8725 section 2.1). */
export const algorithms = ['ES256', 'EdDSA', 'RS256'];

/** The keys of Itsor are not known, so no token can be judged. */
export class KeySetUnavailable extends Error {
  override readonly name = 'KeySetUnavailable';
  readonly code: 'service_unavailable' | 'misconfigured';
  readonly retryAfterSeconds: number;

  constructor(code: KeySetUnavailable['code'], detail: string, retryAfterSeconds: number, cause?: unknown) {
    super(detail, { cause });
    this.code = code;
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

const noKeys =
  'The key set of Itsor is empty: its tokens are signed with HS256, whose key is secret, so they cannot be checked ' +
  'offline. Give Itsor a key pair (npm run secrets:generate -- --algorithm ES256), or use the binding: ' +
  "itsorAuth({ binding: 'AUTH' }).";

type Key = { readonly algorithm: string; readonly key: CryptoKey };
type Keys = ReadonlyMap<string, Key>;

type Options = {
  readonly url: string;
  readonly fetch: (url: string, init: RequestInit) => Promise<Response>;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly timeoutMs: number;
  /** How old the keys may be before they are read again. */
  readonly maxAgeMs: number;
  /** How old they may be while Itsor cannot be reached. */
  readonly maxStaleMs: number;
  /** How long an unknown `kid`, or an Itsor that failed, causes no further request. */
  readonly cooldownMs: number;
};

/** The usable keys of a set by `kid`. Others are passed over, so that a new kind of key breaks nothing. */
const importKeys = async (jwks: unknown): Promise<Keys> => {
  const { keys } = jwks as { keys?: JWK[] };
  if (!Array.isArray(keys)) throw new Error('the answer is no key set');
  const usable = keys.filter(({ kid, alg }) => kid !== undefined && algorithms.includes(alg ?? ''));
  const entries = usable.map(async ({ d: _, ...jwk }): Promise<[string, Key]> => {
    const { kid = '', alg: algorithm = '' } = jwk;
    return [kid, { algorithm, key: (await importJWK(jwk, algorithm)) as CryptoKey }];
  });
  return new Map(await Promise.all(entries));
};

/**
 * The public keys of Itsor, kept for the life of the isolate. Only parsed keys are shared between requests: a promise or
 * a body that one request made may not be awaited by another one in workerd, and ends with its request.
 */
export const createKeySet = (options: Options) => {
  const { url, now, timeoutMs, maxAgeMs, maxStaleMs, cooldownMs } = options;
  let kept: { readonly keys: Keys; readonly readAt: number } | null = null;
  let failure: { readonly error: KeySetUnavailable; readonly at: number } | null = null;
  /** When the request began that reads the keys now. */
  let readingSince: number | null = null;

  const read = async (): Promise<Keys> => {
    const response = await options.fetch(url, {
      headers: { Accept: 'application/json' },
      redirect: 'manual',
      signal: AbortSignal.timeout(timeoutMs),
    });
    if (response.status !== 200) throw new Error(`${url} answered ${response.status}`);
    return importKeys(await response.json());
  };

  /** Another request is reading. If it was cancelled, its place is free after the timeout. */
  const isReading = () => readingSince !== null && now() - readingSince < timeoutMs;

  const fail = (error: KeySetUnavailable) => {
    console.error('itsorAuth:', error.message, error.cause ?? '');
    failure = { error, at: now() };
  };

  const renew = async (): Promise<void> => {
    const [keptBefore, failureBefore] = [kept, failure];
    while (isReading()) {
      // By a timer of this request.
      await new Promise((resolve) => setTimeout(resolve, 10));
      if (kept !== keptBefore || failure !== failureBefore) return;
    }
    const since = now();
    readingSince = since;
    try {
      const keys = await read();
      kept = { keys, readAt: now() };
      failure = null;
      if (keys.size === 0) fail(new KeySetUnavailable('misconfigured', noKeys, 60));
    } catch (error) {
      const detail = 'The keys of the account service cannot be read; try again later.';
      fail(new KeySetUnavailable('service_unavailable', detail, Math.ceil(cooldownMs / 1000), error));
    } finally {
      if (readingSince === since) readingSince = null;
    }
  };

  const isCooling = (at: number | undefined) => at !== undefined && now() - at < cooldownMs;
  const ageMs = () => (kept === null ? Number.POSITIVE_INFINITY : now() - kept.readAt);

  /**
   * The key of a `kid`; undefined if Itsor has none of that name.
   * @throws KeySetUnavailable
   */
  return async (kid: string): Promise<Key | undefined> => {
    if (ageMs() >= maxAgeMs && !isCooling(failure?.at)) await renew();
    if (kept === null || kept.keys.size === 0 || ageMs() >= maxStaleMs) {
      throw failure?.error ?? new KeySetUnavailable('service_unavailable', 'The keys are not read yet.', 1);
    }
    const known = kept.keys.get(kid);
    if (known) return known;
    if (!isCooling(kept.readAt) && !isCooling(failure?.at)) await renew();
    // It may be a new key.
    if (failure) throw failure.error;
    return kept.keys.get(kid);
  };
};
