import {
  definitionOf,
  type MetricDefinition,
  metricDefinitions,
  type Series,
} from '../platform/rules/metrics.ts';

/** The media type of the text that `expose` makes. */
export const expositionType = 'text/plain; version=0.0.4; charset=utf-8';

const escapeHelp = (text: string) => text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
const escapeLabel = (text: string) => escapeHelp(text).replaceAll('"', '\\"');

const sample = (name: string, labels: readonly (readonly [name: string, value: string])[], value: number) => {
  const inside = labels.map(([label, text]) => `${label}="${escapeLabel(text)}"`).join(',');
  return `${name}${inside && `{${inside}}`} ${value}`;
};

const samplesOf = ({ name, labels, amounts }: Series, definition: MetricDefinition): string[] => {
  const pairs = definition.labels.map((label, at) => [label, labels[at] ?? ''] as const);
  if (definition.kind !== 'histogram') return [sample(name, pairs, amounts[0] ?? 0)];
  const bounds = [...definition.buckets.map(String), '+Inf'];
  let count = 0;
  const buckets = bounds.map((bound, at) => {
    count += amounts[at] ?? 0;
    return sample(`${name}_bucket`, [...pairs, ['le', bound]], count);
  });
  return [
    ...buckets,
    sample(`${name}_sum`, pairs, amounts[bounds.length] ?? 0),
    sample(`${name}_count`, pairs, count),
  ];
};

const byLabels = (a: Series, b: Series) => (a.labels.join('\0') < b.labels.join('\0') ? -1 : 1);

/**
 * The text format 0.0.4 of Prometheus. Series that this build does not know are left out: they come from another
 * version of the Worker during a deployment. A counter without labels begins at 0, so that its first increase shows.
 */
export const expose = (series: readonly Series[]): string => {
  const known = Map.groupBy(
    series.filter(({ name, labels }) => definitionOf(name)?.labels.length === labels.length),
    ({ name }) => name,
  );
  const lines = Object.entries<MetricDefinition>(metricDefinitions).flatMap(([name, definition]) => {
    const isPlainCounter = definition.kind === 'counter' && definition.labels.length === 0;
    const found = known.get(name) ?? (isPlainCounter ? [{ name, labels: [], amounts: [0] }] : []);
    if (found.length === 0) return [];
    return [
      `# HELP ${name} ${escapeHelp(definition.help)}`,
      `# TYPE ${name} ${definition.kind}`,
      ...found.toSorted(byLabels).flatMap((each) => samplesOf(each, definition)),
    ];
  });
  return `${lines.join('\n')}\n`;
};
