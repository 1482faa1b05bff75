import { CliError } from '../stack/cli-error.ts';
import { printable } from '../stack/printable.ts';

export type Request = {
  readonly json?: object;
  readonly bearer?: string;
  readonly headers?: Readonly<Record<string, string>>;
};

export type Answer = {
  readonly status: number;
  /** Of a problem, the code of the catalogue. */
  readonly code: string | null;
  /** Empty where the answer is no JSON. */
  readonly body: Readonly<Record<string, unknown>>;
  readonly text: string;
  readonly headers: Headers;
};

type Options = { readonly headers?: Readonly<Record<string, string>>; readonly timeoutMs?: number };

export type Send = (method: string, path: string, request?: Request) => Promise<Answer>;

const parseJson = (text: string, place: string): Readonly<Record<string, unknown>> => {
  try {
    return Object(JSON.parse(text)) as Record<string, unknown>;
  } catch {
    throw new CliError(`✗ ${place} answers with a body that is not JSON`);
  }
};

/** A client of the service at `url` that keeps nothing between its requests. @throws CliError where nobody answers */
export const createClient =
  (url: string, { headers, timeoutMs = 15_000 }: Options = {}): Send =>
  async (method, path, request = {}) => {
    const { json, bearer } = request;
    const response = await fetch(`${url}${path}`, {
      method,
      redirect: 'manual',
      signal: AbortSignal.timeout(timeoutMs),
      headers: {
        ...headers,
        ...request.headers,
        ...(json && { 'Content-Type': 'application/json' }),
        ...(bearer !== undefined && { Authorization: `Bearer ${bearer}` }),
      },
      ...(json && { body: JSON.stringify(json) }),
    }).catch((error: Error) => {
      throw new CliError(
        printable(
          `✗ ${url} does not answer: ${(error.cause as Error | undefined)?.message ?? error.message}`,
        ),
      );
    });
    const place = printable(`${method} ${url}${path}`);
    const text = await response.text().catch((error: Error) => {
      throw new CliError(`✗ ${place} does not come to an end: ${error.message}`);
    });
    const isJson = text !== '' && /json/.test(response.headers.get('Content-Type') ?? '');
    const body = isJson ? parseJson(text, place) : {};
    const code = !response.ok && typeof body.code === 'string' ? body.code : null;
    return { status: response.status, code, body, text, headers: response.headers };
  };

/** A client in a network: locally workerd passes the header on that Cloudflare sets in production. */
export const clientFrom = (url: string, address: string, timeoutMs?: number): Send =>
  createClient(url, {
    headers: { 'CF-Connecting-IP': address },
    ...(timeoutMs !== undefined && { timeoutMs }),
  });
