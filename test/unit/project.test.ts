import { mkdtempSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { dataDirectory, devVarsText, projectDirectory } from '../../scripts/program/project.ts';

afterEach(() => vi.unstubAllEnvs());

describe('DATA_DIR', () => {
  it.each([
    ['~/itsor-data', join(homedir(), 'itsor-data')],
    ['~', homedir()],
    ['~ada/data', join(projectDirectory, '~ada/data')],
    ['data/~/x', join(projectDirectory, 'data/~/x')],
    ['/srv/itsor', '/srv/itsor'],
  ])('%s is the folder %s', (given, folder) => {
    vi.stubEnv('DATA_DIR', given);
    expect(dataDirectory()).toBe(folder);
  });
});

it('a .dev.vars that is a folder is told in one sentence, and one that is absent is empty', () => {
  const folder = mkdtempSync(join(tmpdir(), 'itsor-'));
  expect(() => devVarsText(folder)).toThrow('.dev.vars is a folder; it must be a file of NAME=value lines.');
  expect(devVarsText(join(folder, 'absent'))).toBe('');
  rmSync(folder, { recursive: true });
});
