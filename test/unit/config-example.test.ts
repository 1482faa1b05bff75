import { describe, expect, it } from 'vitest';
import example from '../../.dev.vars.example?raw';
import reference from '../../docs/configuration.md?raw';
import { configurationReference, exampleVariables, foremost } from '../../scripts/docs/configuration.ts';
import type { Config } from '../../src/platform/config/schema.ts';
import {
  type Variable,
  type VariableName,
  variableNames,
  variables,
} from '../../src/platform/config/variables.ts';
import { configOf, warningsOf } from './config-fixtures.ts';

type Entry = { comment: string; name: string; value: string; active: boolean };

const entries: Entry[] = [...example.matchAll(/^# (.+)\n(# )?([A-Z][A-Z0-9_]*)=(.*)$/gm)].map(
  ([, comment = '', off, name = '', value = '']) => ({ comment, name, value, active: off === undefined }),
);

const commentFor = (name: VariableName): string => {
  const { description, aliases }: Variable = variables[name];
  const names = aliases.map(({ name: alias, unit }) => (unit ? `${alias} in ${unit}` : alias));
  return names.length > 0 ? `${description} (also read as ${names.join(', ')})` : description;
};

const secretsOf = ({ jwt, session, database }: Config) =>
  [jwt.secret, session.secretKey, database.url].map((secret) => secret.reveal());

describe('.dev.vars.example', () => {
  it('has the five foremost variables, then every other one of the table in its order, and nothing else', () => {
    expect(foremost).toHaveLength(5);
    const others = variableNames.filter((name) => !foremost.includes(name));
    expect(entries.map(({ name }) => name)).toEqual([...foremost, ...others]);
    expect(example.match(/^(# )?[A-Z][A-Z0-9_]*=/gm)).toHaveLength(variableNames.length);
  });

  it.each(variableNames)('describes %s as the table does', (name) => {
    expect(entries.find((entry) => entry.name === name)).toMatchObject({
      comment: commentFor(name),
      value: variables[name].default,
    });
  });

  it('has a heading for each group', () => {
    const groups = [...new Set(variableNames.map((name) => variables[name].group))];
    expect([...example.matchAll(/^## (.+)$/gm)].map(([, heading]) => heading)).toEqual([
      'Most important in production',
      ...groups,
    ]);
  });

  it('works when it is copied unchanged', () => {
    const env = Object.fromEntries(
      entries.filter(({ active }) => active).map(({ name, value }) => [name, value]),
    );
    expect(configOf(env).environment.strict).toBe(false);
    expect(warningsOf(env)).toEqual([]);
  });

  it('shows the defaults that are really used', () => {
    // EMAIL_PROVIDER is left out: without a key its default is another in local environments.
    const shown = entries
      .filter(({ name }) => name !== 'EMAIL_PROVIDER')
      .map(({ name, value }) => [name, value]);
    const config = configOf(Object.fromEntries(shown));
    expect(config).toEqual(configOf({}));
    expect(secretsOf(config)).toEqual(secretsOf(configOf({})));
  });
});

describe('the table of variables', () => {
  it('has a schema for each variable that the Worker reads, and for no other', () => {
    for (const name of variableNames)
      expect(variables[name].schema !== null, name).toBe(variables[name].readBy === 'worker');
  });

  it.each(variableNames)('has a default of %s that its schema can read', (name) => {
    const { schema, default: byDefault }: Variable = variables[name];
    if (byDefault !== '') expect(schema?.safeParse(byDefault).success).toBe(true);
  });

  it.each([
    ['docs/configuration.md', reference, configurationReference],
    ['.dev.vars.example', example, exampleVariables],
  ])('is what %s says; npm run docs:configuration writes it', (_, text, expected) => {
    expect(text).toBe(expected());
  });
});
