import { SignatureV4 } from '@smithy/signature-v4';

/** SHA-256 and its HMAC as the signer asks for them. */
export class Sha256 {
  #content = new Uint8Array();
  readonly #secret: Uint8Array<ArrayBuffer> | null;

  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    this.#secret = secret === undefined ? null : bytesOf(secret);
  }

  update(chunk: string | ArrayBuffer | ArrayBufferView): void {
    const added = bytesOf(chunk);
    const joined = new Uint8Array(this.#content.length + added.length);
    joined.set(this.#content);
    joined.set(added, this.#content.length);
    this.#content = joined;
  }

  async digest(): Promise<Uint8Array> {
    if (!this.#secret) return new Uint8Array(await crypto.subtle.digest('SHA-256', this.#content));
    const algorithm = { name: 'HMAC', hash: 'SHA-256' };
    const key = await crypto.subtle.importKey('raw', this.#secret, algorithm, false, ['sign']);
    return new Uint8Array(await crypto.subtle.sign('HMAC', key, this.#content));
  }

  reset(): void {
    this.#content = new Uint8Array();
  }
}

const bytesOf = (source: string | ArrayBuffer | ArrayBufferView): Uint8Array<ArrayBuffer> => {
  if (typeof source === 'string') return new Uint8Array(new TextEncoder().encode(source));
  if (source instanceof ArrayBuffer) return new Uint8Array(source.slice(0));
  return new Uint8Array(source.buffer, source.byteOffset, source.byteLength).slice();
};

type Account = {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly region: string;
  readonly service: string;
};

/**
 * The Authorization header that the signer of the AWS SDK computes, as a server would: over the headers
 * that the request itself says are signed, and the request's own date.
 */
export const expectedAuthorization = async (request: Request, account: Account): Promise<string> => {
  const { region, service, ...credentials } = account;
  const url = new URL(request.url);
  const signedNames = /SignedHeaders=([^,]+)/.exec(request.headers.get('Authorization') ?? '')?.[1] ?? '';
  const headers = Object.fromEntries(
    signedNames
      .split(';')
      .map((name) => [name, name === 'host' ? url.host : (request.headers.get(name) ?? '')]),
  );
  const date = (request.headers.get('X-Amz-Date') ?? '').replace(
    /^(....)(..)(..T..)(..)(..Z)$/,
    '$1-$2-$3:$4:$5',
  );
  const signer = new SignatureV4({ credentials, region, service, sha256: Sha256, applyChecksum: false });
  const signed = await signer.sign(
    {
      method: request.method,
      protocol: url.protocol,
      hostname: url.hostname,
      path: url.pathname,
      headers,
      body: await request.clone().text(),
    },
    { signingDate: new Date(date) },
  );
  return signed.headers.authorization ?? '';
};
