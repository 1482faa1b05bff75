import type { Scope } from './scope.ts';
import { Secret } from './secret.ts';
import type { Settings } from './settings.ts';
import { list } from './values.ts';

export type LogConfig = {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly pretty: boolean;
  /** Share of the successful requests that are logged, 0 to 1. */
  readonly sampleRatio: number;
};

export type MetricsConfig = {
  readonly enabled: boolean;
  /** Null: anybody may read them, in local environments only. */
  readonly token: Secret | null;
};

/** OTLP over HTTP, in the terms of the OpenTelemetry specification. */
export type TracingConfig = {
  readonly endpoint: string;
  readonly headers: readonly { readonly name: string; readonly value: Secret }[];
  readonly serviceName: string;
  /** Share of the requests that are traced, 0 to 1. */
  readonly sampleRatio: number;
};

const percentDecode = (text: string): string | undefined => {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
};

/** `name=value` pairs in the form of W3C Baggage, as the OpenTelemetry specification asks for. */
export const headerList = list((entry, fail) => {
  const [, name = '', encoded = ''] = /^([A-Za-z0-9!#$%&'*+.^_`|~-]+)\s*=\s*(.*)$/.exec(entry) ?? [];
  const decoded = percentDecode(encoded);
  if (name === '' || decoded === undefined || /\p{Cc}/u.test(decoded)) {
    return fail('must be name=value, with the value percent-encoded');
  }
  return { name: name.toLowerCase(), value: new Secret(decoded) };
});

export const readLog = (settings: Settings): LogConfig => ({
  level: settings.LOG_LEVEL,
  pretty: settings.LOG_PRETTY,
  sampleRatio: settings.LOG_SAMPLE_RATIO,
});

export const readMetrics = (settings: Settings, { strict, problem }: Scope): MetricsConfig => {
  const { ENABLE_METRICS: enabled, METRICS_TOKEN: token } = settings;
  if (strict && enabled && !token) problem('METRICS_TOKEN', 'is required while ENABLE_METRICS is on');
  return { enabled, token: token ?? null };
};

export const readTracing = (settings: Settings): TracingConfig | null =>
  settings.OTEL_EXPORTER_OTLP_ENDPOINT === undefined
    ? null
    : {
        endpoint: settings.OTEL_EXPORTER_OTLP_ENDPOINT,
        headers: settings.OTEL_EXPORTER_OTLP_HEADERS,
        serviceName: settings.OTEL_SERVICE_NAME,
        sampleRatio: settings.OTEL_TRACES_SAMPLER_ARG,
      };
