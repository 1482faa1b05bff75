import type { ErrorCode } from '../../src/platform/errors.ts';
import { CliError } from '../program/cli.ts';
import { printable } from '../program/terminal.ts';

export type Request = {
  readonly json?: object;
  readonly bearer?: string;
  readonly headers?: Readonly<Record<string, string>>;
};

export type Answer = {
  readonly status: number;
  /** The code of a problem document; null for every other answer. */
  readonly code: string | null;
  /** Empty where the answer is not JSON. */
  readonly body: Readonly<Record<string, unknown>>;
  readonly text: string;
  readonly headers: Headers;
};

type Options = { readonly headers?: Readonly<Record<string, string>>; readonly timeoutMs?: number };

export type Send = (method: string, path: string, request?: Request) => Promise<Answer>;

/** A client of the service at `url` that keeps nothing between requests. @throws CliError without a whole answer */
export const createClient =
  (url: string, { headers, timeoutMs = 15_000 }: Options = {}): Send =>
  async (method, path, { json, bearer, headers: ownHeaders } = {}) => {
    const response = await fetch(`${url}${path}`, {
      method,
      redirect: 'manual',
      signal: AbortSignal.timeout(timeoutMs),
      headers: {
        ...headers,
        ...ownHeaders,
        ...(json && { 'Content-Type': 'application/json' }),
        ...(bearer !== undefined && { Authorization: `Bearer ${bearer}` }),
      },
      ...(json && { body: JSON.stringify(json) }),
    }).catch(({ message, cause }: Error) => {
      const reason = (cause as Error | undefined)?.message ?? message;
      throw new CliError(printable(`✗ ${url} does not answer: ${reason}`));
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

const parseJson = (text: string, place: string): Answer['body'] => {
  try {
    return Object(JSON.parse(text)) as Record<string, unknown>;
  } catch {
    throw new CliError(`✗ ${place} answers with a body that is not JSON`);
  }
};

/** A status, with the code of the problem where one is expected. */
type Wanted = number | `${number} ${ErrorCode}`;

export const pass = (step: string): void => console.log(`✓ ${step}`);

export const fail = (step: string, reason: string): CliError =>
  new CliError(`✗ ${step}: ${printable(reason)}`);

/** @throws CliError for an answer that is none of those wanted */
export const requireStatus = (step: string, answer: Answer, ...wanted: readonly Wanted[]): Answer => {
  const { status, code, body } = answer;
  if (wanted.some((one) => one === status || one === `${status} ${code}`)) return answer;
  const said = [code, body.detail].filter(Boolean).join(': ');
  throw fail(step, `${status}${said ? ` (${said})` : ''}, and not ${wanted.join(' or ')}`);
};

/** The same, and prints the step. */
export const expectStatus: typeof requireStatus = (step, ...answer) => {
  const wanted = requireStatus(step, ...answer);
  pass(step);
  return wanted;
};
