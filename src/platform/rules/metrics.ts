type Common = { readonly help: string; readonly labels: readonly string[] };
export type MetricDefinition =
  | (Common & { readonly kind: 'counter' | 'gauge' })
  /** `buckets` are rising upper bounds; one more bucket counts the values above the last. */
  | (Common & { readonly kind: 'histogram'; readonly buckets: readonly number[] });

const counter = <const L extends readonly string[]>(help: string, labels: L) =>
  ({ kind: 'counter', help, labels }) as const;
const gauge = <const L extends readonly string[]>(help: string, labels: L) =>
  ({ kind: 'gauge', help, labels }) as const;
const histogram = <const L extends readonly string[]>(help: string, labels: L, buckets: readonly number[]) =>
  ({ kind: 'histogram', help, labels, buckets }) as const;

const requestSeconds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const callSeconds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/**
 * All metrics of Itsor. Names and units follow Prometheus (seconds, `_total`). A label has few values, and clients choose
 * none of them.
 */
export const metricDefinitions = {
  itsor_http_requests_total: counter('Requests by matched route and status.', ['method', 'route', 'status']),
  itsor_http_request_duration_seconds: histogram(
    'From the arrival of a request to the head of its answer.',
    ['method', 'route'],
    requestSeconds,
  ),
  itsor_problems_total: counter('Failures that were answered, by the code of the catalogue.', ['code']),
  itsor_database_round_trips_total: counter('Statements or transactions sent to the database.', ['outcome']),
  itsor_database_duration_seconds: histogram('Duration of one database round trip.', [], callSeconds),
  itsor_password_hash_duration_seconds: histogram('Duration of one Argon2id hash.', [], requestSeconds),
  itsor_password_hash_queue_length: histogram(
    'Hashes that waited when another one was asked for.',
    [],
    [0, 1, 2, 5, 10, 20, 50, 100],
  ),
  itsor_durable_object_duration_seconds: histogram(
    'Duration of one call of a Durable Object.',
    ['object'],
    callSeconds,
  ),
  itsor_rate_limit_decisions_total: counter('What the rate limiter decided.', ['policy', 'decision']),
  itsor_login_guard_decisions_total: counter('What the login guard decided, before the hash.', ['decision']),
  itsor_login_attempts_total: counter('Attempts that reached the hash, by outcome.', ['outcome']),
  itsor_oauth_total: counter('Single sign-on, by provider of the configuration and outcome.', [
    'provider',
    'outcome',
  ]),
  itsor_refreshes_total: counter('Refresh tokens presented, by outcome.', ['outcome']),
  itsor_mails_total: counter('Attempts to send a mail, by outcome.', ['outcome']),
  itsor_upload_transitions_total: counter('Uploads that came into a state.', ['status']),
  itsor_dead_letters_total: counter('Work that was given up.', ['kind']),
  itsor_scheduled_runs_total: counter('Runs of the scheduled jobs, by the cron or an alarm.', [
    'trigger',
    'outcome',
  ]),
  itsor_outbox_mails: gauge('Mails in the outbox after the last run of the jobs.', ['state']),
  itsor_uploads: gauge('Uploads with work left after the last run of the jobs.', ['status']),
  itsor_work_overdue_seconds: gauge('How long the oldest work has been due after the last run of the jobs.', [
    'kind',
  ]),
  itsor_spans_dropped_total: counter('Spans that no collector took.', []),
} as const satisfies Record<string, MetricDefinition>;

type Definitions = typeof metricDefinitions;
export type MetricName = keyof Definitions;
type OfKind<K extends MetricDefinition['kind']> = {
  [N in MetricName]: Definitions[N]['kind'] extends K ? N : never;
}[MetricName];
export type LabelsOf<N extends MetricName> = Readonly<Record<Definitions[N]['labels'][number], string>>;

/** Counts and measures. These calls neither wait nor fail. */
export type Metrics = {
  readonly count: <N extends OfKind<'counter'>>(name: N, labels: LabelsOf<N>, by?: number) => void;
  readonly observe: <N extends OfKind<'histogram'>>(name: N, labels: LabelsOf<N>, value: number) => void;
  readonly set: <N extends OfKind<'gauge'>>(name: N, labels: LabelsOf<N>, value: number) => void;
};

/**
 * One combination of label values, in the order of the definition. A counter or a gauge has one amount; a histogram has
 * a count for each bucket, the unbounded bucket last, and then the sum of the observed values.
 */
export type Series = {
  readonly name: string;
  readonly labels: readonly string[];
  readonly amounts: readonly number[];
};

/** The counts of one isolate since its last batch; `sequence` identifies a batch that is sent twice. */
export type MetricsBatch = {
  readonly isolate: string;
  readonly sequence: number;
  readonly series: readonly Series[];
};

export const definitionOf = (name: string): MetricDefinition | undefined =>
  Object.hasOwn(metricDefinitions, name) ? metricDefinitions[name as MetricName] : undefined;

const bucketOf = (buckets: readonly number[], value: number): number => {
  const at = buckets.findIndex((bound) => value <= bound);
  return at === -1 ? buckets.length : at;
};

/** The amounts of a single observation. */
export const observed = (buckets: readonly number[], value: number): number[] => {
  const amounts = Array.from({ length: buckets.length + 2 }, () => 0);
  amounts[bucketOf(buckets, value)] = 1;
  amounts[buckets.length + 1] = value;
  return amounts;
};

/** Replaces gauges and adds up the rest. A histogram whose buckets have changed starts again. */
export const mergeAmounts = (
  name: string,
  before: readonly number[] | undefined,
  amounts: readonly number[],
): readonly number[] =>
  before?.length !== amounts.length || definitionOf(name)?.kind === 'gauge'
    ? amounts
    : before.map((amount, at) => amount + (amounts[at] ?? 0));

/** Series by their name and labels. */
export type SeriesTable = Map<string, Series>;

export const addSeries = (table: SeriesTable, { name, labels, amounts }: Series): void => {
  const key = [name, ...labels].join('\0');
  table.set(key, { name, labels, amounts: mergeAmounts(name, table.get(key)?.amounts, amounts) });
};

/** Counts nothing. */
export const noMetrics: Metrics = { count: () => {}, observe: () => {}, set: () => {} };
