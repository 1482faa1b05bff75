import { expect, it } from 'vitest';
import { duplicateNames } from '../../scripts/doctor/variables.ts';

it('a name that a file sets twice is found, once', () => {
  const text = [
    'SECRET_KEY=x',
    '# SECRET_KEY=old',
    'LOG_LEVEL=info',
    ' export SECRET_KEY = y',
    'SECRET_KEY=z',
  ];
  expect(duplicateNames(text.join('\n'))).toEqual(['SECRET_KEY']);
  expect(duplicateNames('LOG_LEVEL=info\r\nLOG_PRETTY=1\r\n')).toEqual([]);
});
