import { readdirSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { metricDefinitions } from '../../src/platform/rules/metrics.ts';
import { hasPrometheus, promtool } from '../support/node/prometheus.ts';

const alerts = readFileSync('docs/observability/alerts.yml', 'utf8');
const dashboard = readFileSync('docs/observability/dashboard.json', 'utf8');

/** As Prometheus names the samples of a metric. */
const samples = Object.entries(metricDefinitions).flatMap(([name, { kind }]) =>
  kind === 'histogram' ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name],
);

it.each([
  ['the alert rules', alerts],
  ['the dashboard', dashboard],
])('%s ask for nothing that is not measured', (_, text) => {
  const asked = new Set([...text.matchAll(/\bitsor_[a-z_]+/g)].map(([name]) => name));
  expect([...asked].filter((name) => !samples.includes(name))).toEqual([]);
  expect(asked.size).toBeGreaterThan(8);
});

it.each(readdirSync('docs/runbooks'))('the runbook %s names nothing that is not measured', (page) => {
  const text = readFileSync(`docs/runbooks/${page}`, 'utf8');
  const named = [...text.matchAll(/\bitsor_[a-z_]+[a-z](?=[ {`])/g)].map(([name]) => name);
  const known = new Set([...samples, ...Object.keys(metricDefinitions), 'itsor_app', 'itsor_migrator']);
  expect(named.filter((name) => !known.has(name))).toEqual([]);
});

it('the dashboard shows everything that is measured', () => {
  const missing = Object.keys(metricDefinitions).filter((name) => !dashboard.includes(name));
  expect(missing).toEqual([]);
});

it('every alert has a runbook that exists', () => {
  const runbooks = [...alerts.matchAll(/runbook: (\S+)/g)].map(([, path]) => path ?? '');
  expect(runbooks).toHaveLength([...alerts.matchAll(/- alert:/g)].length);
  for (const path of new Set(runbooks)) expect(() => readFileSync(path), path).not.toThrow();
});

it.skipIf(!hasPrometheus)('promtool takes the alert rules', () => {
  const { status, output } = promtool(['check', 'rules', 'docs/observability/alerts.yml']);
  expect(output).toContain('11 rules found');
  expect(status).toBe(0);
});
