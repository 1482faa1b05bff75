import { concatenate } from '../../platform/rules/bytes.ts';

/** No discovery document, key set or profile is near it. */
const maxBytes = 256 * 1024;

const withoutBody: ReadonlySet<number> = new Set([101, 204, 205, 304]);

const readAll = async (response: Response): Promise<Uint8Array<ArrayBuffer>> => {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response.body ?? []) {
    length += chunk.byteLength;
    // Leaving the loop cancels the rest.
    if (length > maxBytes) throw new Error('the answer is too large');
    chunks.push(chunk);
  }
  return concatenate(chunks);
};

type Init = {
  readonly method: string;
  readonly headers: Record<string, string>;
  readonly body?: BodyInit | null | undefined;
  readonly signal?: AbortSignal | null | undefined;
};

/** Reads an answer as a whole, and no more than a provider has to say. Redirects are not followed: they are no answer. */
export const createProviderFetch =
  (fetch: typeof globalThis.fetch) =>
  async (url: string, { method, headers: sent, body: content = null, signal = null }: Init) => {
    const init = { method, headers: sent, body: content, signal, redirect: 'manual' } as const;
    const response = await fetch(url, init);
    const { status, headers } = response;
    const body = await readAll(response);
    return new Response(withoutBody.has(status) ? null : body, { status, headers });
  };

export type ProviderFetch = ReturnType<typeof createProviderFetch>;
