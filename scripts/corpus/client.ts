import { createHash, randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Answer, createClient, requireStatus } from '../drills/client.ts';
import { browserType, type Made } from './sample.ts';

/** How Itsor judged a file: `clean`, `infected`, `failed`, `refused` or what else it said, with its reason. */
export type Verdict = { readonly outcome: string; readonly reason: string };

type Ticket = {
  readonly id: string;
  readonly upload: { method: string; url: string; headers: Record<string, string> };
};

/** A bomb that blocks the service is to be seen as a late verdict, and not as an error of the drill. */
const patienceMs = 180_000;
const ended = new Set(['clean', 'infected', 'failed']);

const reasonOf = ({ body }: Answer): string => {
  const errors = (body.errors as { detail: string }[] | undefined)?.map(({ detail }) => detail) ?? [];
  return [body.reason, body.detail, ...errors].filter(Boolean).join(' ');
};

/** A 422 is a refusal, at the declaration and at the confirmation. */
const unusual = (step: string, answer: Answer): Verdict =>
  answer.status === 422
    ? { outcome: 'refused', reason: reasonOf(answer) }
    : { outcome: `${answer.status} ${step}`, reason: reasonOf(answer) };

export type Uploader = Awaited<ReturnType<typeof createUploader>>;

/** A client with an account of its own, which says what becomes of its files. */
export const createUploader = async (url: string) => {
  const send = createClient(url, { timeoutMs: patienceMs });
  const account = {
    email: `account-${randomUUID()}@example.com`,
    password: 'correct horse battery staple',
  };
  const signup = await send('POST', '/auth/signup', { json: account });
  const bearer = String(requireStatus('an account signs up', signup, 201).body.access_token);

  /** @returns the id, or the verdict where no bytes were taken */
  const put = async ({ filename, content }: Made): Promise<string | Verdict> => {
    const declared = await send('POST', '/uploads', {
      bearer,
      json: {
        filename,
        content_type: browserType(filename),
        size: content.byteLength,
        sha256: createHash('sha256').update(content).digest('hex'),
      },
    });
    if (declared.status !== 201) return unusual('at the declaration', declared);
    const { id, upload } = declared.body as Ticket;
    const { method, headers } = upload;
    const sent = await fetch(upload.url, { method, headers, body: content as Uint8Array<ArrayBuffer> });
    const text = await sent.text();
    return sent.ok ? id : { outcome: `${sent.status} to the bytes`, reason: text.slice(0, 200) };
  };

  const settled = async (id: string): Promise<Verdict> => {
    const deadline = Date.now() + patienceMs;
    for (;;) {
      const answer = await send('GET', `/uploads/${id}`, { bearer });
      const outcome = String(answer.body.status ?? answer.status);
      if (ended.has(outcome) || Date.now() > deadline) return { outcome, reason: reasonOf(answer) };
      await sleep(250);
    }
  };

  /** Confirms the bytes, and waits for the verdict. */
  const judge = async (id: string): Promise<Verdict> => {
    const completed = await send('POST', `/uploads/${id}/complete`, { bearer, json: {} });
    return completed.status < 300 ? settled(id) : unusual('at the confirmation', completed);
  };

  return {
    put,
    judge,
    upload: async (made: Made): Promise<Verdict & { readonly id: string | null }> => {
      const id = await put(made);
      return typeof id === 'string' ? { id, ...(await judge(id)) } : { id: null, ...id };
    },
    download: async (id: string): Promise<Buffer> => {
      const headers = { Authorization: `Bearer ${bearer}` };
      return Buffer.from(await (await fetch(`${url}/uploads/${id}/download`, { headers })).arrayBuffer());
    },
    /** How long `GET /auth/me` takes. */
    meMs: async (): Promise<number> => {
      const startMs = performance.now();
      requireStatus('GET /auth/me', await send('GET', '/auth/me', { bearer }), 200);
      return performance.now() - startMs;
    },
  };
};
