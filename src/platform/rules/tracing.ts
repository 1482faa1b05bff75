export type SpanAttributes = Readonly<Record<string, string | number | boolean>>;

/** The start of a span. Attributes never hold parameters, bodies or names of people. */
export type SpanStart = {
  readonly name: string;
  readonly kind: 'server' | 'client' | 'consumer' | 'internal';
  readonly attributes?: SpanAttributes;
};

/** The span of the work under way. */
export type ActiveSpan = {
  /** 32 hexadecimal digits for the log; null where the work is not traced. */
  readonly traceId: string | null;
  readonly set: (attributes: SpanAttributes) => void;
  readonly rename: (name: string) => void;
  /** @param type the kind of failure, in one word; never a message, which can quote anything */
  readonly fail: (type: string) => void;
};

export type Tracer = {
  /** Starts a trace, or continues the caller's trace, whose headers `header` reads (W3C Trace Context). */
  readonly root: <T>(
    start: SpanStart,
    header: (name: string) => string | undefined,
    work: (span: ActiveSpan) => Promise<T>,
  ) => Promise<T>;
  /** Starts a span within the current trace. A failure marks the span and is rethrown. */
  readonly span: <T>(start: SpanStart, work: (span: ActiveSpan) => Promise<T>) => Promise<T>;
  /** The headers that pass the trace to another service; empty where nothing is traced. */
  readonly headers: () => Readonly<Record<string, string>>;
};

export const inertSpan: ActiveSpan = { traceId: null, set: () => {}, rename: () => {}, fail: () => {} };

/** Traces nothing. */
export const noTracer: Tracer = {
  root: (_start, _header, work) => work(inertSpan),
  span: (_start, work) => work(inertSpan),
  headers: () => ({}),
};
