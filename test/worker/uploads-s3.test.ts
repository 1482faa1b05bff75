import { SignatureV4 } from '@smithy/signature-v4';
import { describe, expect, it } from 'vitest';
import { Secret } from '../../src/platform/config/secret.ts';
import type { TicketRequest } from '../../src/platform/rules/storage.ts';
import { createGuarddutyScanner } from '../../src/platform/scanners/guardduty.ts';
import { createS3Store, readCopyResult, readListing } from '../../src/platform/storage/s3.ts';
import { provideFetch, text } from '../support/worker/mail-provider.ts';
import { expectedAuthorization, Sha256 } from '../support/worker/signature-v4.ts';
import { pdf, sha256Of } from '../support/worker/uploads.ts';

const provider = provideFetch();
const now = new Date('2026-11-20T10:00:00.000Z');
const account = {
  accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
  secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
  region: 'eu-central-1',
};
const aws = {
  region: account.region,
  accessKeyId: new Secret(account.accessKeyId),
  secretAccessKey: new Secret(account.secretAccessKey),
};
const options = { kind: 's3', bucket: 'files', endpoint: null, aws } as const;
const { store, issueTicket } = createS3Store(options, () => now);
const { signal } = new AbortController();
const key = 'quarantine/01a1f941-a317-7660-9d8a-a5f0ed7e9950/01a1f941-a557-7469-b29e-230dde1fa580';
const version = { key, etag: 'abc' };

const request: TicketRequest = {
  uploadId: 'x',
  key,
  contentType: 'application/pdf',
  size: pdf.byteLength,
  sha256: await sha256Of(pdf),
  apiUrl: 'http://127.0.0.1',
  now,
  expiresAt: new Date(now.getTime() + 900_000),
};

describe('a presigned PUT', () => {
  it('a presigned PUT has the signature of the AWS SDK over length, type, checksum and condition', async () => {
    const { method, url, headers } = await issueTicket(request);
    const { hostname, pathname, searchParams } = new URL(url);
    expect(hostname).toBe('files.s3.eu-central-1.amazonaws.com');
    expect(method).toBe('PUT');
    expect(searchParams.get('X-Amz-Expires')).toBe('900');
    expect(searchParams.get('X-Amz-SignedHeaders')).toBe(
      'content-length;content-type;host;if-none-match;x-amz-checksum-sha256',
    );
    expect(headers).toEqual({
      'content-type': 'application/pdf',
      'if-none-match': '*',
      'x-amz-checksum-sha256': Uint8Array.fromHex(request.sha256).toBase64(),
    });

    const { region, ...credentials } = account;
    const signer = new SignatureV4({
      credentials,
      region,
      service: 's3',
      sha256: Sha256,
      applyChecksum: false,
      uriEscapePath: false,
    });
    const signed = await signer.presign(
      {
        method: 'PUT',
        protocol: 'https:',
        hostname,
        path: pathname,
        headers: {
          host: hostname,
          ...headers,
          'content-length': String(request.size),
          'x-amz-content-sha256': 'UNSIGNED-PAYLOAD',
        },
      },
      {
        signingDate: now,
        expiresIn: 900,
        unsignableHeaders: new Set(['x-amz-content-sha256']),
        signableHeaders: new Set(['content-type', 'content-length']),
        unhoistableHeaders: new Set(['x-amz-checksum-sha256', 'x-amz-content-sha256']),
      },
    );
    expect(signed.query?.['X-Amz-SignedHeaders']).toBe(searchParams.get('X-Amz-SignedHeaders'));
    expect(searchParams.get('X-Amz-Signature')).toBe(signed.query?.['X-Amz-Signature']);
  });

  it.each([
    ['at AWS', 'files', null, `https://files.s3.eu-central-1.amazonaws.com/${key}`],
    [
      'at AWS, with a dot in the name',
      'my.files',
      null,
      `https://s3.eu-central-1.amazonaws.com/my.files/${key}`,
    ],
    ['elsewhere', 'files', 'https://s3.example.com', `https://s3.example.com/files/${key}`],
  ])('a presigned PUT goes to the bucket %s', async (_, bucket, endpoint, expected) => {
    const ticket = await createS3Store({ ...options, bucket, endpoint }, () => now).issueTicket(request);
    expect(ticket.url.split('?')[0]).toBe(expected);
  });
});

describe('requests to S3', () => {
  it('a request to S3 has the signature of the AWS SDK', async () => {
    provider.answer = text('', 200, { ETag: '"abc"' });
    await store.read(version, null, signal);
    const [asked] = provider.asked;
    if (!asked) throw new Error('nothing was asked');
    expect(asked.headers.get('Authorization')).toBe(
      await expectedAuthorization(asked, { ...account, service: 's3' }),
    );
    expect(asked.headers.get('If-Match')).toBe('"abc"');
  });

  it.each<[string, Response, string | null]>([
    ['that version', new Response('hello', { headers: { ETag: '"abc"' } }), 'hello'],
    [
      'another version, from a storage that ignores If-Match',
      new Response('evil', { headers: { ETag: '"def"' } }),
      null,
    ],
    ['an object without an ETag', new Response('evil'), null],
    ['a missing object', new Response('', { status: 404 }), null],
    ['a version that has changed', new Response('', { status: 412 }), null],
  ])('a read of a version returns only that version when S3 answers with %s', async (_, answer, content) => {
    provider.answer = async () => answer;
    const found = await store.read(version, null, signal);
    expect(found && (await new Response(found).text())).toBe(content);
  });

  it('a read of a range refuses the whole object', async () => {
    provider.answer = text('hello', 200, { ETag: '"abc"' });
    expect(await store.read(version, { offset: 1, length: 2 }, signal)).toBeNull();
    expect(provider.asked[0]?.headers.get('Range')).toBe('bytes=1-2');
  });

  it('a HEAD request returns size, type, ETag and checksum of an object', async () => {
    provider.answer = text('', 200, {
      ETag: '"abc"',
      'Content-Length': '77',
      'Content-Type': 'application/pdf',
      'x-amz-checksum-sha256': Uint8Array.fromHex(request.sha256).toBase64(),
    });
    expect(await store.head(key, signal)).toMatchObject({
      etag: 'abc',
      sha256: request.sha256,
      contentType: 'application/pdf',
    });
    expect(provider.asked[0]?.headers.get('x-amz-checksum-mode')).toBe('ENABLED');
  });

  it('a copy is made of that version only, and an error with status 200 fails', async () => {
    provider.answer = text('<CopyObjectResult><ETag>&quot;new&quot;</ETag></CopyObjectResult>', 200);
    expect(await store.copy(version, 'clean/x', signal)).toBe('new');
    const { headers } = provider.asked[0] ?? new Request('http://x');
    expect(headers.get('x-amz-copy-source')).toBe(`/files/${key}`);
    expect(headers.get('x-amz-copy-source-if-match')).toBe('"abc"');
    provider.answer = text('<Error><Code>InternalError</Code></Error>', 200);
    await expect(store.copy(version, 'clean/x', signal)).rejects.toMatchObject({
      code: 'service_unavailable',
    });
  });

  it.each<[string, typeof provider.answer]>([
    ['an error of S3', text('', 500)],
    ['a refusal', text('<Error><Code>AccessDenied</Code></Error>', 403)],
    ['a redirect', text('', 307, { Location: 'https://example.net/' })],
    [
      'a connection that breaks',
      async () => {
        throw new TypeError('Network connection lost.');
      },
    ],
  ])('every request to S3 fails with service_unavailable after %s', async (_, answer) => {
    provider.answer = answer;
    for (const ask of [
      () => store.head(key, signal),
      () => store.read(version, null, signal),
      () => store.copy(version, 'clean/x', signal),
      () => store.remove(key, signal),
      () => store.list('quarantine/', null, signal),
    ])
      await expect(ask()).rejects.toMatchObject({ code: 'service_unavailable' });
  });

  it('objects are listed page by page', async () => {
    provider.answer = text(
      '<ListBucketResult><Contents><Key>quarantine/x</Key><LastModified>2026-11-20T10:00:00.000Z</LastModified></Contents><NextContinuationToken>1/a+b==</NextContinuationToken></ListBucketResult>',
      200,
    );
    const { cursor } = await store.list('quarantine/', null, signal);
    await store.list('quarantine/', cursor, signal);
    expect(provider.asked.map(({ url }) => new URL(url).searchParams.get('continuation-token'))).toEqual([
      null,
      '1/a+b==',
    ]);
    for (const asked of provider.asked)
      expect(asked.headers.get('Authorization')).toMatch(/^AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/);
  });
});

describe('documents of S3', () => {
  it('the document of a copy tells its ETag, and an error with status 200 is not a copy', () => {
    const etag = (quote: string) =>
      `<?xml version="1.0"?><CopyObjectResult><LastModified>x</LastModified><ETag>${quote}abc${quote}</ETag></CopyObjectResult>`;
    for (const quote of ['"', '&quot;', '&#34;', '']) expect(readCopyResult(etag(quote))).toBe('abc');
    expect(readCopyResult('<Error><Code>InternalError</Code><ETag>abc</ETag></Error>')).toBeNull();
  });

  it('the document of a listing has keys, times and the cursor of the next page', () => {
    const contents = (key: string) =>
      `<Contents><Key>${key}</Key><LastModified>2026-11-20T10:00:00.000Z</LastModified><Size>1</Size></Contents>`;
    const page = `<ListBucketResult>${contents('a')}\n${contents('b')}<NextContinuationToken>t</NextContinuationToken></ListBucketResult>`;
    expect(readListing(page)).toEqual({
      objects: [
        { key: 'a', storedAt: now },
        { key: 'b', storedAt: now },
      ],
      cursor: 't',
    });
    expect(readListing('<ListBucketResult></ListBucketResult>')).toEqual({ objects: [], cursor: null });
  });
});

describe('GuardDuty as the scanner', () => {
  const scanner = createGuarddutyScanner(options, () => now);
  const scan = (attempt: number) =>
    scanner.scan(
      { key, etag: 'abc', size: 1, attempt, open: () => Promise.reject(new Error('not opened')) },
      signal,
    );

  it('GuardDuty is not asked for the first scan, which the PUT starts', async () => {
    expect(await scan(1)).toEqual({ kind: 'awaited' });
    expect(provider.asked).toEqual([]);
  });

  it('GuardDuty is asked for another scan by bucket and key, in a signed request', async () => {
    provider.answer = text('', 200);
    expect(await scan(2)).toEqual({ kind: 'awaited' });
    const [asked] = provider.asked;
    if (!asked) throw new Error('nothing was asked');
    expect(asked.url).toBe('https://guardduty.eu-central-1.amazonaws.com/object-malware-scan/send');
    expect(asked.headers.get('Authorization')).toBe(
      await expectedAuthorization(asked, { ...account, service: 'guardduty' }),
    );
    expect(await asked.json()).toEqual({ s3Object: { bucket: 'files', key } });
  });

  it('GuardDuty is asked again after it has refused a file', async () => {
    for (const status of [400, 403, 404]) {
      provider.answer = text('', status);
      expect(await scan(2)).toEqual({ kind: 'retry', reason: `guardduty ${status}` });
    }
  });

  it('GuardDuty is unavailable when it is overloaded, fails or cannot be reached', async () => {
    for (const status of [429, 500, 503]) {
      provider.answer = text('', status);
      expect(await scan(2)).toEqual({ kind: 'unavailable', reason: `guardduty ${status}` });
    }
    provider.answer = async () => {
      throw new TypeError('Network connection lost.');
    };
    expect(await scan(3)).toEqual({ kind: 'unavailable', reason: 'guardduty connection failed' });
  });
});
