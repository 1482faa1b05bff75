import { afterEach, beforeEach, type MockInstance, vi } from 'vitest';
import type { EmailProviderConfig } from '../../../src/platform/config/email.ts';
import type { Logger } from '../../../src/platform/context.ts';
import { createMailer } from '../../../src/platform/mailers/create-mailer.ts';
import type { DeliveryOutcome, MailMessage } from '../../../src/platform/rules/mail.ts';

export const message: MailMessage = {
  id: '01a2b3c4-0000-7000-8000-000000000001',
  to: 'ada@example.org',
  subject: 'Bestätigen – 確認 🦉',
  text: 'Hello Ada\n',
  html: '<p>Hello “Ada”</p>\n',
};

export const now = new Date('2026-11-20T10:00:00.000Z');
export const timeoutMs = 300;

type Answer = (request: Request) => Promise<Response>;

/** A provider in place of the network. It records its requests, and gives the test's answers. */
export const provideFetch = () => {
  const provider = { asked: [] as Request[], answer: (async () => new Response()) as Answer };
  let fetches: MockInstance<typeof fetch>;
  beforeEach(() => {
    provider.asked = [];
    fetches = vi.spyOn(globalThis, 'fetch').mockImplementation(async (input, init) => {
      const request = new Request(input, init);
      provider.asked.push(request.clone());
      return provider.answer(request);
    });
  });
  afterEach(() => fetches.mockRestore());
  return provider;
};

const ignore = () => {};
const silent: Logger = { debug: ignore, info: ignore, warn: ignore, error: ignore };

export const sendWith = (
  config: EmailProviderConfig,
  given: Partial<MailMessage> = {},
  { signal = new AbortController().signal, log = silent } = {},
): Promise<DeliveryOutcome> =>
  createMailer(config, { log, clock: () => now, fetch, timeoutMs }).send({ ...message, ...given }, signal);

export const json =
  (body: unknown, status = 200, headers: Record<string, string> = {}): Answer =>
  async () =>
    Response.json(body, { status, headers });

export const text =
  (body: string, status: number, headers: Record<string, string> = {}): Answer =>
  async () =>
    new Response(body, { status, headers });

const silence: Answer = ({ signal }) =>
  new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
const deafSilence: Answer = () => new Promise(() => {});
const cutOff: Answer = async () => {
  throw new TypeError('Network connection lost.');
};
const stall = () => new ReadableStream({ pull: () => new Promise(() => {}) });
const halfAnswer: Answer = async () => new Response(stall(), { status: 200 });
const page = '<html>Bad gateway</html>';

/** Failures of any HTTP API. After each of them the mail must be retried. */
export const httpFaults: [string, Answer, { reason: string; retryAfterSeconds?: number }][] = [
  ['500', json({ message: 'oops' }, 500), { reason: '500' }],
  ['502 with a page', text(page, 502), { reason: '502' }],
  ['503 with Retry-After', text('', 503, { 'Retry-After': '17' }), { reason: '503', retryAfterSeconds: 17 }],
  ['429', json({}, 429), { reason: '429', retryAfterSeconds: 1 }],
  [
    '429 with Retry-After as a date',
    json({}, 429, { 'Retry-After': 'Fri, 20 Nov 2026 10:01:30 GMT' }),
    { reason: '429', retryAfterSeconds: 90 },
  ],
  [
    '429 with Retry-After in the past',
    json({}, 429, { 'Retry-After': 'Fri, 20 Nov 2026 09:00:00 GMT' }),
    { reason: '429', retryAfterSeconds: 1 },
  ],
  [
    '429 with an endless Retry-After',
    json({}, 429, { 'Retry-After': '99999999999999999999' }),
    { reason: '429', retryAfterSeconds: 86_400 },
  ],
  [
    '429 with a Retry-After that is none',
    json({}, 429, { 'Retry-After': 'soon' }),
    { reason: '429', retryAfterSeconds: 1 },
  ],
  ['success with garbage', text('\u0000garbage', 200), { reason: '200' }],
  ['success with JSON of another kind', json([1, null]), { reason: '200' }],
  ['a redirect', text('', 302, { Location: 'https://example.net/' }), { reason: '302' }],
  ['408', text('', 408), { reason: '408' }],
  ['401', text('', 401), { reason: '401' }],
  ['403', text('', 403), { reason: '403' }],
  ['404', text('', 404), { reason: '404' }],
];

/** The same for failures without a status. */
export const connectionFaults: [string, Answer, string][] = [
  ['a connection that breaks', cutOff, 'connection failed'],
  ['silence', silence, 'timeout'],
  ['silence that no signal ends', deafSilence, 'timeout'],
  ['an answer that never ends', halfAnswer, 'timeout'],
];
