import type { Scope } from './scope.ts';
import type { Settings } from './settings.ts';
import type { VariableName } from './variables.ts';

type Promised = readonly [
  variable: VariableName,
  isPromised: (settings: Settings) => boolean,
  detail: string,
];

/** Settings that promise what this version does not do; a line leaves with the commit that brings its feature. */
const promises: readonly Promised[] = [
  ['OIDC_PROVIDERS', (s) => s.OIDC_PROVIDERS !== undefined, 'has no effect yet: there is no single sign-on'],
];

export const warnOfSettingsWithoutEffect = (settings: Settings, { given, warning }: Scope): void => {
  for (const [variable, isPromised, detail] of promises) {
    if (given.has(variable) && isPromised(settings)) warning(variable, detail);
  }
};
