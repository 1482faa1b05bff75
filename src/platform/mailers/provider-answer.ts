/** What a provider's HTTP API said; `body` is null where that was not JSON. */
export type ProviderAnswer = {
  readonly status: number;
  readonly headers: Headers;
  readonly body: unknown;
};

/** @returns null when no answer came: refused, cut off or aborted */
export const askProvider = async (
  fetch: typeof globalThis.fetch,
  request: Request,
): Promise<ProviderAnswer | null> => {
  const response = await fetch(request).catch(() => null);
  if (!response) return null;
  const body: unknown = await response.json().catch(() => null);
  return { status: response.status, headers: response.headers, body };
};

const maxRetryAfterSeconds = 86_400;

/** Retry-After in seconds or as a date (RFC 9110 section 10.2.3), at most a day; nothing where it says nothing. */
export const readRetryAfter = (headers: Headers, now: Date): { retryAfterSeconds?: number } => {
  const given = headers.get('Retry-After') ?? '';
  const seconds = /^\d+$/.test(given) ? Number(given) : Math.ceil((Date.parse(given) - now.getTime()) / 1000);
  if (!(seconds >= 0)) return {};
  return { retryAfterSeconds: Math.min(seconds, maxRetryAfterSeconds) };
};
