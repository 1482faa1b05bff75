import { expect, it } from 'vitest';
import { warningsOf } from './config-fixtures.ts';

it.each([['OIDC_PROVIDERS', '[]', '']])(
  '%s=%s is warned about while nothing comes of it, and %o is not',
  (variable, promising, harmless) => {
    const about = (value: string) =>
      warningsOf({ [variable]: value }).filter((warning) => warning.includes('has no effect yet'));
    expect(about(promising)).toEqual([expect.stringContaining(variable)]);
    expect(about(harmless)).toEqual([]);
  },
);
