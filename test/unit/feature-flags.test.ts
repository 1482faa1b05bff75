import { describe, expect, it } from 'vitest';
import { expiredFlags, featureFlags, flagNames } from '../../src/platform/config/feature-flags.ts';
import { flagPrefix, variableNames } from '../../src/platform/config/variables.ts';

describe('feature flags', () => {
  it('have one variable each, and every FLAG_ variable has a flag', () => {
    const named = flagNames.map((name) => `${flagPrefix}${name.toUpperCase()}`);
    expect(variableNames.filter((name) => name.startsWith(flagPrefix)).toSorted()).toEqual(named.toSorted());
  });

  it.each(Object.entries(featureFlags))('%s has an owner and a last day', (_, { owner, expires }) => {
    expect(owner).not.toBe('');
    expect(new Date(`${expires}T00:00:00Z`).toISOString().slice(0, 10)).toBe(expires);
  });

  it('are expired on the day after their last day, and not before', () => {
    const { expires } = featureFlags.experimental_caching;
    expect(expiredFlags(new Date(`${expires}T23:59:59Z`))).not.toContain('experimental_caching');
    expect(expiredFlags(new Date(Date.parse(expires) + 86_400_000))).toContain('experimental_caching');
  });
});
