export type SpanAttributes = Readonly<Record<string, string | number | boolean>>;

/** What begins a span. Parameters, bodies and names of people are no attributes. */
export type SpanStart = {
  readonly name: string;
  readonly kind: 'server' | 'client' | 'consumer' | 'internal';
  readonly attributes?: SpanAttributes;
};

/** A piece of work that is being traced. */
export type ActiveSpan = {
  /** For the log, 32 hexadecimal digits; null where nothing is traced. */
  readonly traceId: string | null;
  readonly set: (attributes: SpanAttributes) => void;
  readonly rename: (name: string) => void;
  /** @param type what went wrong, in one word; never a message, which can quote anything */
  readonly fail: (type: string) => void;
};

export type Tracer = {
  /** A trace of its own, or the continuation of the caller's, whose headers `header` reads (W3C Trace Context). */
  readonly root: <T>(
    start: SpanStart,
    header: (name: string) => string | undefined,
    work: (span: ActiveSpan) => Promise<T>,
  ) => Promise<T>;
  /** A part of what is being traced. A failure marks it and is thrown on. */
  readonly span: <T>(start: SpanStart, work: (span: ActiveSpan) => Promise<T>) => Promise<T>;
  /** The headers by which an outgoing request tells the trace that it belongs to; none where nothing is traced. */
  readonly headers: () => Readonly<Record<string, string>>;
};

export const inertSpan: ActiveSpan = { traceId: null, set: () => {}, rename: () => {}, fail: () => {} };

/** Traces nothing. */
export const noTracer: Tracer = {
  root: (_start, _header, work) => work(inertSpan),
  span: (_start, work) => work(inertSpan),
  headers: () => ({}),
};
