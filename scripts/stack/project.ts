import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseEnv } from 'node:util';
import { isConfigVariable } from '../../src/platform/config/variables.ts';
import { overlay } from './overlay.ts';

export const projectDirectory = fileURLToPath(new URL('../..', import.meta.url));

export type Variables = Readonly<Record<string, string>>;

/** The variables of Itsor that are set in an environment; all others are none of the Worker's business. */
export const configVariables = (environment: NodeJS.ProcessEnv): Variables =>
  Object.fromEntries(
    Object.entries(environment).flatMap(([name, text]) =>
      text !== undefined && isConfigVariable(name) ? [[name, text]] : [],
    ),
  );

/** `.dev.vars`, and this process's environment over it. */
export const readVariables = (): Variables => overlay(readDevVars(), configVariables(process.env));

/** Where the local stack keeps what it keeps; a relative DATA_DIR starts at the project. */
export const dataDirectory = (): string => resolve(projectDirectory, process.env.DATA_DIR || '.data');

/** Empty where there is no such file. */
export const devVarsText = (): string => {
  try {
    return readFileSync(resolve(projectDirectory, '.dev.vars'), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
};

const readDevVars = (): Variables => parseEnv(devVarsText()) as Variables;
