import type { Given } from './resolve.ts';
import type { VariableName } from './variables.ts';

/** One thing that is wrong: a variable's name and a sentence about it, never its value. */
export type ConfigProblem = { readonly variable: string; readonly detail: string };

/** What a rule over several variables may know and say, beside the settings themselves. */
export type Scope = {
  /** Not a local environment: the defaults of local work are refused. */
  readonly strict: boolean;
  /** The texts as they were set, by canonical name; absent where nothing was set. */
  readonly given: ReadonlyMap<VariableName, Given>;
  /** Says that the service must not start; dropped where the variable could not even be read. */
  readonly problem: (variable: VariableName, detail: string) => void;
  readonly warning: (variable: string, detail: string) => void;
};
