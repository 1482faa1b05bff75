import { createHash, randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

export const pdf = Buffer.from(
  '%PDF-1.4\n1 0 obj\n<< /Type /Catalog >>\nendobj\ntrailer << /Root 1 0 R >>\nstartxref\n9\n%%EOF\n',
);

export type Ticket = {
  id: string;
  upload: { method: string; url: string; headers: Record<string, string> };
};

export type UploadClient = Awaited<ReturnType<typeof createUploadClient>>;

const sha256Of = (content: Uint8Array) => createHash('sha256').update(content).digest('hex');

/** A client with an account on a running service, which it knows by HTTP only. */
export const createUploadClient = async (base: string) => {
  const post = async (path: string, body: unknown, token?: string) =>
    fetch(`${base}${path}`, {
      method: 'POST',
      headers: {
        'Content-Type': 'application/json',
        ...(token ? { Authorization: `Bearer ${token}` } : {}),
      },
      body: JSON.stringify(body),
    });
  const email = `account-${randomUUID()}@example.com`;
  const signup = await post('/auth/signup', { email, password: 'correct horse battery staple' });
  const { access_token: token } = (await signup.json()) as { access_token: string };
  const headers = { Authorization: `Bearer ${token}` };

  const declare = async (
    content: Uint8Array,
    given: { filename?: string; content_type?: string; size?: number; sha256?: string } = {},
  ): Promise<Ticket> => {
    const response = await post(
      '/uploads',
      {
        // The same declaration again would be the same file.
        filename: `report-${randomUUID()}.pdf`,
        content_type: 'application/pdf',
        size: content.byteLength,
        sha256: sha256Of(content),
        ...given,
      },
      token,
    );
    if (response.status !== 201) throw new Error(`${response.status} ${await response.text()}`);
    return (await response.json()) as Ticket;
  };
  const put = ({ upload }: Ticket, content: Uint8Array, changed: Record<string, string> = {}) =>
    fetch(upload.url, {
      method: upload.method,
      headers: { ...upload.headers, ...changed },
      body: content as Uint8Array<ArrayBuffer>,
    });
  const complete = (id: string) => post(`/uploads/${id}/complete`, {}, token);
  const statusOf = async (id: string): Promise<string> =>
    ((await (await fetch(`${base}/uploads/${id}`, { headers })).json()) as { status: string }).status;

  return {
    declare,
    put,
    complete,
    statusOf,
    /** Declares, sends and confirms a file. @returns the id */
    send: async (content: Uint8Array, given: { filename?: string; content_type?: string } = {}) => {
      const ticket = await declare(content, given);
      for (const response of [await put(ticket, content), await complete(ticket.id)])
        if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
      return ticket.id;
    },
    /** Waits until a scan has ended. */
    settled: async (id: string, withinMs = 30_000): Promise<string> => {
      const deadline = Date.now() + withinMs;
      for (;;) {
        const status = await statusOf(id);
        if (status !== 'scanning') return status;
        if (Date.now() > deadline) return status;
        await sleep(200);
      }
    },
    download: (id: string, more: Record<string, string> = {}) =>
      fetch(`${base}/uploads/${id}/download`, { headers: { ...headers, ...more } }),
    remove: (id: string) => fetch(`${base}/uploads/${id}`, { method: 'DELETE', headers }),
  };
};
