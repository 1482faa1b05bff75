import { parseEnv } from 'node:util';
import { describe, expect, it } from 'vitest';
import { readEnvText } from '../../scripts/program/env-text.ts';

const text = 'JWT_SECRET=one\nAPP_URL=two\n';
const utf16 = (bigEndian: boolean): Uint8Array => {
  const bytes = Buffer.from(`\ufeff${text}`, 'utf16le');
  return bigEndian ? bytes.swap16() : bytes;
};
const read = (bytes: Uint8Array | string) => parseEnv(readEnvText('.dev.vars', Buffer.from(bytes)));

describe('an env file', () => {
  it.each([
    ['in UTF-8', Buffer.from(text)],
    ['with a byte order mark', Buffer.from(`\ufeff${text}`)],
    ['in UTF-16, as Windows PowerShell writes it', utf16(false)],
    ['in UTF-16 of the other byte order', utf16(true)],
    ['with line ends of Windows', Buffer.from(text.replaceAll('\n', '\r\n'))],
  ])('%s sets its first variable too', (_, bytes) =>
    expect({ ...read(bytes) }).toEqual({ JWT_SECRET: 'one', APP_URL: 'two' }),
  );

  it('may have comments, empty lines, values of several lines, and quotes inside of values', () => {
    const whole = `# it's a comment\n\n  export A = 1\nPEM="-----BEGIN\nabc def\n-----END"\nB='x\ny' # z\nC=\`1\n2\`\nD=it's\n`;
    expect({ ...read(whole) }).toEqual({
      A: '1',
      PEM: '-----BEGIN\nabc def\n-----END',
      B: 'x\ny',
      C: '1\n2',
      D: "it's",
    });
  });

  it.each([
    ['JWT_SECRET', 1],
    ['A=1\nJWT_SECRET: hunter2\nB=1', 2],
    ['A=1\r\n\r\nhunter2 = x y\r\n', null],
    ['A=1\nB="x\ny"\n=hunter2', 4],
    ['A=1\nmy name=hunter2', 2],
    ['{"A":"hunter2"}', 1],
  ])('a line that names nothing is told by its number and never quoted: %j', (given, line) => {
    if (line === null) return expect(() => read(given)).not.toThrow();
    expect(() => read(given)).toThrow(`.dev.vars, line ${line}, names no variable`);
    expect(() => read(given)).not.toThrow('hunter2');
  });

  it.each([
    ['A="open', 1],
    ['A=1\nAPP_URL="hunter2\nLOG_LEVEL=info\nFROM_EMAIL="x"', 2],
    ["A='x\ny'\nB='hunter2", 3],
  ])('a quote that nothing closes is told by its line: %j', (given, line) => {
    expect(() => read(given)).toThrow(`.dev.vars, line ${line}, opens a value with`);
    expect(() => read(given)).not.toThrow('hunter2');
  });

  it.each([
    ['A=1\nJWT_SECRET=hunter2#def', 2],
    ['export JWT_SECRET = hunter2 x#def # why', 1],
    ['JWT_SECRET=#hunter2', 1],
    [`JWT_SECRET=hun"ter2#x"`, 1],
  ])('a value without quotes that # would cut is told by its variable: %j', (given, line) => {
    const fault = `.dev.vars, line ${line}, sets JWT_SECRET to a value that ends at #; put the value in quotes.`;
    expect(() => read(given)).toThrow(fault);
    expect(() => read(given)).not.toThrow('hunter2');
  });

  it('may have comments behind a value, and # in quotes', () => {
    const whole = `A=1 # x#y\nB=2\t# x\nC="3#4"\nD='5#6' # x#y\nE= # x#y\nF=\`7#8\`#x\n #G=9#1\n`;
    expect({ ...read(whole) }).toMatchObject({ A: '1', C: '3#4', D: '5#6', E: '', F: '7#8' });
  });

  it.each([
    ['UTF-16 without a mark', Buffer.from(text, 'utf16le')],
    ['Latin-1', Buffer.from('A=é', 'latin1')],
  ])('in another encoding is refused in one sentence: %s', (_, bytes) =>
    expect(() => read(bytes)).toThrow('.dev.vars is no text in UTF-8; save it in that encoding.'),
  );
});
