import { expect, it } from 'vitest';
import { databaseSentence } from '../../scripts/admin/migrations-missing.ts';

it('a pipe that is closed is no statement that was refused', () => {
  const error = Object.assign(new Error('write EPIPE'), { code: 'EPIPE', syscall: 'write' });
  expect(databaseSentence(error, 'a database')).toBe(error);
});

it('a statement that was refused is', () => {
  const error = Object.assign(new Error('no'), { code: '42501' });
  expect(String(databaseSentence(error, 'a database'))).toContain('has no right');
});
