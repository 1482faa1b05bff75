import { describe, expect, it } from 'vitest';
import example from '../../.dev.vars.example?raw';
import type { Config } from '../../src/platform/config/schema.ts';
import { settingsSchema } from '../../src/platform/config/settings.ts';
import {
  flagPrefix,
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
  it('has every variable of the table, in its order, and nothing else', () => {
    expect(entries.map(({ name }) => name)).toEqual(variableNames);
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
    expect([...example.matchAll(/^## (.+)$/gm)].map(([, heading]) => heading)).toEqual(groups);
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
  it('is what the Worker reads', () => {
    const ofTheWorker = variableNames.filter(
      (name) => variables[name].readBy === 'worker' && !name.startsWith(flagPrefix),
    );
    expect(Object.keys(settingsSchema)).toEqual(ofTheWorker);
  });
});
