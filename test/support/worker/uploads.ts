import { env } from 'cloudflare:test';
import type { Bindings } from '../../../src/container.ts';
import { type Client, createClient, silentQueue } from './client.ts';
import { sql } from './database.ts';
import { consume, type Fate } from './invocations.ts';

/** The queue is silent: a test starts the work. */
const quiet = { UPLOAD_QUEUE: silentQueue };

/** A client with many requests, whose uploads wait for the test. */
export const createUploader = (variables: Record<string, string> = {}): Client =>
  createClient({ ...quiet, RATE_LIMIT_MAX: '10000', ...variables });

/** A strict environment without a scanner, and without a real database. */
export const withoutScanner = {
  BACKEND_ENV: 'production',
  JWT_SECRET: 'Zq8vN3xR7tK1mB5yW9cF2hJ6pL4sD0aG',
  SECRET_KEY: 'g7Yt2Wq9Zx4Vb6Nm1Kj8Hf3Ds5Aq0PlR',
  APP_URL: 'https://app.example.com',
  DATABASE_URL: 'postgres://itsor_app:x@db.example.com/itsor?sslmode=require',
  NEON_HTTP_ENDPOINT: '',
  SESSION_COOKIE_SECURE: 'true',
  RESEND_API_KEY: 'k',
  FROM_EMAIL: 'a@example.com',
  EVEN_ANSWER_MS: '100',
};

const bindingsOf = (variables: Record<string, unknown>) => ({ ...env, ...quiet, ...variables }) as Bindings;

/** Does the due work on an upload, as the consumer of the queue. */
export const workOn = (id: unknown, variables: Record<string, unknown> = {}): Promise<Fate> =>
  consume('itsor-uploads', [id], bindingsOf(variables));

export type UploadRow = {
  status: string;
  reason: string | null;
  etag: string | null;
  promoted_etag: string | null;
  verdict: string | null;
  verdict_detail: string | null;
  attempts: number;
  inspected_at: Date | null;
  next_attempt_at: Date | null;
  given_up_at: Date | null;
  deleted_at: Date | null;
  bytes_deleted_at: Date | null;
  object_name: string;
  user_id: string | null;
};

export const rowOf = async (id: string): Promise<UploadRow | undefined> =>
  ((await sql`select * from uploads where id = ${id}`) as UploadRow[])[0];

/** Makes the next piece of work due. */
export const makeDue = async (id: string): Promise<void> => {
  await sql`update uploads set next_attempt_at = now() - interval '1 second' where id = ${id}`;
};

/** Records an inspection without a flaw, as the job does before a scan. */
export const markInspected = async (id: string): Promise<void> => {
  await sql`update uploads set inspected_at = now() where id = ${id}`;
};

/** Makes the upload URL expire. */
export const endUrl = async (id: string): Promise<void> => {
  await sql`update uploads set expires_at = now() - interval '1 second' where id = ${id}`;
};

/** What counts against the quota of an account. */
export const usageOf = async (userId: string): Promise<{ files: number; bytes: string } | undefined> =>
  (
    (await sql`
      select count(*)::int as files, coalesce(sum(size), 0)::text as bytes from uploads
      where user_id = ${userId} and deleted_at is null and status in ('pending', 'scanning', 'clean')`) as {
      files: number;
      bytes: string;
    }[]
  )[0];

export const auditOf = async (id: string): Promise<string[]> =>
  (
    (await sql`select type from audit_events where details->>'upload_id' = ${id} order by id`) as {
      type: string;
    }[]
  ).map(({ type }) => type);

export const bytesOf = (text: string): Uint8Array<ArrayBuffer> =>
  new Uint8Array(new TextEncoder().encode(text));

export const pdf: Uint8Array<ArrayBuffer> = bytesOf(
  '%PDF-1.4\n1 0 obj\n<< /Type /Catalog >>\nendobj\ntrailer << /Root 1 0 R >>\nstartxref\n9\n%%EOF\n',
);

export const sha256Of = async (content: Uint8Array<ArrayBuffer>): Promise<string> =>
  new Uint8Array(await crypto.subtle.digest('SHA-256', content)).toHex();

export type Declaration = { filename: string; content_type: string; size: number; sha256: string };

export const declarationOf = async (
  content: Uint8Array<ArrayBuffer>,
  given: Partial<Declaration> = {},
): Promise<Declaration> => ({
  filename: 'report.pdf',
  content_type: 'application/pdf',
  size: content.byteLength,
  sha256: await sha256Of(content),
  ...given,
});

export type Ticket = {
  id: string;
  status: string;
  upload: { method: string; url: string; headers: Record<string, string>; size: number; expires_at: string };
};

let declarations = 0;

/** Declares a file, by a new name where none is given, since a second declaration in the same words is the same file. */
export const declare = async (
  client: Client,
  bearer: string,
  content: Uint8Array<ArrayBuffer> = pdf,
  given: Partial<Declaration> = {},
): Promise<Ticket> => {
  const response = await client('POST', '/uploads', {
    bearer,
    json: await declarationOf(content, { filename: `report-${++declarations}.pdf`, ...given }),
  });
  if (response.status !== 201) throw new Error(`${response.status} ${await response.text()}`);
  return response.json();
};

export const put = (
  client: Client,
  { upload }: Ticket,
  body: BodyInit | null = pdf,
  headers: Record<string, string> = {},
): Promise<Response> => client('PUT', upload.url, { body, headers: { ...upload.headers, ...headers } });

/** Uploads and confirms a file, which then waits for its scan. @returns its id */
export const uploadFile = async (
  client: Client,
  bearer: string,
  content: Uint8Array<ArrayBuffer> = pdf,
  given: Partial<Declaration> = {},
): Promise<string> => {
  const ticket = await declare(client, bearer, content, given);
  for (const response of [
    await put(client, ticket, content),
    await client('POST', `/uploads/${ticket.id}/complete`, { bearer }),
  ]) {
    if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
  }
  return ticket.id;
};

/** The keys of all objects of an upload in the bucket. */
export const objectsOf = async (id: string): Promise<string[]> => {
  const { objects } = await env.UPLOADS.list();
  return objects.map(({ key }) => key).filter((key) => key.endsWith(id));
};
