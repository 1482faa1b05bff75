import type { ObserveStatement } from '../db/client.ts';
import type { Mailer } from '../rules/mail.ts';
import type { Metrics } from '../rules/metrics.ts';
import type { Scanner } from '../rules/scan.ts';
import type { RateDecision, RateLimiter } from '../rules/sliding-window.ts';
import type { Tracer } from '../rules/tracing.ts';

/** Measures and traces a call of a Durable Object. `object` is its class: an object's own name can be an address. */
export type ObserveCall = <Answer>(
  object: string,
  method: string,
  call: () => Promise<Answer>,
) => Promise<Answer>;

type Parts = {
  readonly metrics: Metrics;
  readonly tracer: Tracer;
  readonly monotonicMs: () => number;
  /** Waits for a later event: the platform's clock stands still while code computes. */
  readonly nextEvent: () => Promise<void>;
};

/** The `init` of a request with headers added to its own. */
const withHeaders = (
  init: RequestInit | undefined,
  given: Request | null,
  added: Readonly<Record<string, string>>,
): RequestInit | undefined => {
  const entries = Object.entries(added);
  if (entries.length === 0) return init;
  const headers = new Headers(init?.headers ?? given?.headers);
  for (const [name, value] of entries) headers.set(name, value);
  return { ...init, headers };
};

/** Wrappers that measure and trace the ports whose work takes time. The behaviour of the ports stays the same. */
export const createInstruments = ({ metrics, tracer, monotonicMs, nextEvent }: Parts) => {
  const timed = async <T>(work: () => Promise<T>, done: (seconds: number) => void): Promise<T> => {
    const startMs = monotonicMs();
    try {
      return await work();
    } finally {
      done((monotonicMs() - startMs) / 1000);
    }
  };

  const called: ObserveCall = (object, method, call) =>
    tracer.span(
      {
        name: `${object}.${method}`,
        kind: 'client',
        attributes: { 'rpc.service': object, 'rpc.method': method },
      },
      () =>
        timed(call, (seconds) =>
          metrics.observe('itsor_durable_object_duration_seconds', { object }, seconds),
        ),
    );

  const statement: ObserveStatement = (texts, send) =>
    tracer.span(
      {
        name: 'postgresql',
        kind: 'client',
        attributes: { 'db.system.name': 'postgresql', 'db.query.text': texts.join(';\n') },
      },
      async () => {
        let outcome = 'failed';
        try {
          const result = await timed(send, (seconds) =>
            metrics.observe('itsor_database_duration_seconds', {}, seconds),
          );
          outcome = 'ok';
          return result;
        } finally {
          metrics.count('itsor_database_round_trips_total', { outcome });
        }
      },
    );

  const digest =
    <Input, Tag>(hash: (input: Input) => Promise<Tag>) =>
    (input: Input): Promise<Tag> =>
      tracer.span({ name: 'argon2id', kind: 'internal' }, () =>
        timed(
          async () => {
            const tag = await hash(input);
            await nextEvent();
            return tag;
          },
          (seconds) => metrics.observe('itsor_password_hash_duration_seconds', {}, seconds),
        ),
      );

  const limiter = ({ hit }: RateLimiter): RateLimiter => ({
    hit: async (policy, caller, now) => {
      const count = (decision: string) =>
        metrics.count('itsor_rate_limit_decisions_total', { policy: policy.name, decision });
      const decided = async <Decision extends RateDecision | null>(deciding: Promise<Decision>) => {
        try {
          const decision = await deciding;
          if (decision) count(decision.admitted ? 'admitted' : 'refused');
          return decision;
        } catch (error) {
          count('unreachable');
          throw error;
        }
      };
      const decision = await decided(hit(policy, caller, now));
      if (!decision.admitted || !decision.settle) return decision;
      const { settle } = decision;
      return { ...decision, settle: (sessionLives) => decided(settle(sessionLives)) };
    },
  });

  const mailer = ({ send }: Mailer): Mailer => ({
    send: (message, signal) =>
      tracer.span({ name: 'send mail', kind: 'client' }, async (span) => {
        const outcome = await send(message, signal);
        if (outcome.kind !== 'sent') span.fail(outcome.kind);
        return outcome;
      }),
  });

  const scanner = (given: Scanner): Scanner => ({
    ...given,
    scan: (subject, signal) =>
      tracer.span({ name: 'scan', kind: 'client' }, async (span) => {
        span.set({ 'itsor.scanner': given.engine });
        return given.scan(subject, signal);
      }),
  });

  /** A `fetch` that passes the trace on. */
  const outgoing: typeof fetch = (input, init) => {
    const given = input instanceof Request ? input : null;
    const method = init?.method ?? given?.method ?? 'GET';
    const { hostname } = new URL(given?.url ?? String(input));
    const attributes = { 'http.request.method': method, 'server.address': hostname };
    return tracer.span({ name: method, kind: 'client', attributes }, async (span) => {
      const response = await fetch(input, withHeaders(init, given, tracer.headers()));
      span.set({ 'http.response.status_code': response.status });
      return response;
    });
  };

  return { statement, digest, limiter, mailer, scanner, outgoing, called };
};

export type Instruments = ReturnType<typeof createInstruments>;
