/** An object as the storage describes it. */
export type StoredObject = {
  /** Without quotes. */
  readonly etag: string;
  readonly size: number;
  readonly sha256: string;
  readonly contentType: string;
};

export type ObjectVersion = { readonly key: string; readonly etag: string };

export type ByteSpan = { readonly offset: number; readonly length: number };

export type ObjectListing = {
  readonly objects: readonly { readonly key: string; readonly storedAt: Date }[];
  readonly cursor: string | null;
};

/**
 * Where the bytes of uploads lie. What is read or copied is named by its ETag, so that nothing put in its place
 * later can pass for it. Throws AppError `service_unavailable` where the storage cannot be reached.
 */
export interface ObjectStore {
  head(key: string, signal: AbortSignal): Promise<StoredObject | null>;
  /** @returns null where there is no such version (any more) */
  read(
    version: ObjectVersion,
    span: ByteSpan | null,
    signal: AbortSignal,
  ): Promise<ReadableStream<Uint8Array> | null>;
  /** @returns the ETag of the copy, or null where there is no such version */
  copy(version: ObjectVersion, to: string, signal: AbortSignal): Promise<string | null>;
  /** Does nothing where there is nothing. */
  remove(key: string, signal: AbortSignal): Promise<void>;
  list(prefix: string, cursor: string | null, signal: AbortSignal): Promise<ObjectListing>;
}

/** What a PUT must bring: every part of it is enforced, and nothing is kept of one that differs. */
export type ExpectedBytes = { readonly contentType: string; readonly size: number; readonly sha256: string };

export type PutOutcome = 'stored' | 'exists' | 'too_short' | 'too_long' | 'wrong_checksum' | 'broken_off';

/** A store whose PUTs come through the Worker. `onProgress` is called with every piece that arrives. */
export interface ReceivingStore extends ObjectStore {
  put(
    key: string,
    body: ReadableStream<Uint8Array>,
    expected: ExpectedBytes,
    onProgress: () => void,
    signal: AbortSignal,
  ): Promise<PutOutcome>;
}

/** How a client sends its bytes: a request with this method, URL and exactly these headers. */
export type UploadTicket = {
  readonly method: 'PUT';
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
};

export type TicketRequest = ExpectedBytes & {
  readonly uploadId: string;
  readonly key: string;
  /** The API as the client reaches it. */
  readonly origin: string;
  readonly now: Date;
  readonly expiresAt: Date;
};

export type IssueTicket = (request: TicketRequest) => Promise<UploadTicket>;

/** RFC 9530 calls it Repr-Digest; S3 takes this name only, and a client should not have to know the difference. */
export const checksumHeader = 'x-amz-checksum-sha256';

/** A SHA-256 as that header has it. */
export const checksumOf = (sha256: string): string => Uint8Array.fromHex(sha256).toBase64();
