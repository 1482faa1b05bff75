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
 * The storage of uploads. Reads and copies name an object by its ETag, so that another object under the same key
 * cannot pass for it. Throws AppError `service_unavailable` where the storage cannot be reached.
 */
export interface ObjectStore {
  head(key: string, signal: AbortSignal): Promise<StoredObject | null>;
  /** @returns null where this version does not exist (any more) */
  read(
    version: ObjectVersion,
    span: ByteSpan | null,
    signal: AbortSignal,
  ): Promise<ReadableStream<Uint8Array> | null>;
  /** @returns the ETag of the copy, or null where this version does not exist */
  copy(version: ObjectVersion, to: string, signal: AbortSignal): Promise<string | null>;
  /** Does nothing where the object does not exist. */
  remove(key: string, signal: AbortSignal): Promise<void>;
  list(prefix: string, cursor: string | null, signal: AbortSignal): Promise<ObjectListing>;
}

/** What a PUT must bring; the storage keeps nothing of one that differs. */
type ExpectedBytes = { readonly contentType: string; readonly size: number; readonly sha256: string };

export type PutOutcome = 'stored' | 'too_short' | 'too_long' | 'wrong_checksum' | 'broken_off';

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
  readonly apiUrl: string;
  readonly now: Date;
  readonly expiresAt: Date;
};

export type IssueTicket = (request: TicketRequest) => Promise<UploadTicket>;

/** An upload URL of the Worker, as a client presents it. */
export type PresentedUrl = {
  /** Path and query, unchanged. */
  readonly target: string;
  readonly uploadId: string;
  /** Epoch seconds. */
  readonly expires: number;
  readonly signature: string;
};

/** Where bytes come through the Worker: the store that takes them, and the check of their URL. */
export type Receiving = {
  readonly store: ReceivingStore;
  readonly verifyUrl: (url: PresentedUrl, now: Date) => Promise<'good' | 'expired' | 'forged'>;
};

/** RFC 9530 calls it Repr-Digest; S3 takes this name only, and clients send the same header to every storage. */
export const checksumHeader = 'x-amz-checksum-sha256';

/** The value of that header for a SHA-256 in hexadecimal digits. */
export const checksumOf = (sha256: string): string => Uint8Array.fromHex(sha256).toBase64();

/** The time of a signature as Signature Version 4 writes it. */
export const amzDate = (instant: Date): string => instant.toISOString().replaceAll(/[:-]|\.\d{3}/g, '');
