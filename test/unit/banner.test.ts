import { describe, expect, it } from 'vitest';
import { banner } from '../../scripts/stack/banner.ts';
import { localWarnings } from '../../scripts/stack/local-warnings.ts';
import { repeats, sentence } from '../../scripts/stack/shown-warnings.ts';

const url = 'http://localhost:3002';
const state = { complaints: [], failing: [], hasMailbox: true, hasAccountPage: true };
const facts = {
  url,
  plan: { kind: 'local', postgresUrl: null } as const,
  embeddedDirectory: '.data/pg',
  algorithm: 'HS256',
  keyPath: null,
  seconds: 1,
  state,
  strictBy: null,
  warnings: [],
} as const;

describe('the banner of npm run dev', () => {
  it('names five links and the database, and has no warnings where there are none', () => {
    const text = banner(facts);
    for (const path of ['', '/docs', '/account', '/dev/mailbox', '/readyz'])
      expect(text).toMatch(new RegExp(`  ${url}${path}(?: |\n)`));
    expect(text).toContain('embedded, in .data/pg');
    expect(text).not.toContain('Warnings');
  });

  it('says which algorithm signs access tokens, where its key is, and whether others can verify them', () => {
    expect(banner(facts)).toContain('HS256: only Itsor verifies them; with npm run dev -- --algorithm ES256');
    const text = banner({ ...facts, algorithm: 'ES256', keyPath: '.data/keys/ES256.pem' });
    expect(text).toContain('ES256, signed with the key in .data/keys/ES256.pem;');
    expect(text).toContain(`  Public keys    ${url}/.well-known/jwks.json\n`);
    expect(banner({ ...facts, algorithm: 'ES256' })).toContain('signed with the key in JWT_PRIVATE_KEY;');
  });

  it('shows each warning on a line of its own', () => {
    expect(banner({ ...facts, warnings: ['A is odd', 'B is too'] })).toContain(
      '\n  Warnings:\n    A is odd\n    B is too\n',
    );
  });

  it('says what is wrong with the variables, and which variable makes the environment strict', () => {
    const wrong = { ...facts, state: { ...state, complaints: ['APP_URL is required'] } };
    expect(banner(wrong)).toContain('Started in 1.0 s, but its variables are wrong: it serves nobody yet\n');
    expect(banner(wrong)).toContain('until these are right:\n    APP_URL is required\n');
    expect(banner({ ...wrong, strictBy: 'production (NODE_ENV)' })).toContain(
      'until these are right; the environment is production (NODE_ENV), which is strict:\n',
    );
  });

  it('names no page and no mailbox that does not answer', () => {
    const text = banner({ ...facts, state: { ...state, hasMailbox: false, hasAccountPage: false } });
    expect(text).toMatch(/Account page {3}none: JWT_TOKEN_LOCATION/);
    expect(text).toMatch(/Mailbox {8}none: mails are sent/);
  });
});

describe('the warnings of npm run dev', () => {
  const warningsOf = async (variables: Record<string, string>) =>
    (await localWarnings(variables)).map(sentence).filter((text) => !text.startsWith('.dev.vars'));

  it('are none by default', async () => expect(await warningsOf({})).toEqual([]));

  it('name a variable that is not used, and one that is misspelled', async () => {
    expect(await warningsOf({ REDIS_URL: 'x', LOG_LEVLE: 'info' })).toEqual([
      'LOG_LEVLE is not read; is LOG_LEVEL meant?',
      expect.stringMatching(/^REDIS_URL is not used/),
    ]);
  });

  it.each(['0.0.0.0', '192.168.1.5'])('name secrets that everybody knows where HOST is %s', async (HOST) => {
    expect(await warningsOf({ HOST })).toEqual([
      expect.stringContaining('the default of JWT_SECRET and of SECRET_KEY'),
    ]);
    expect(await warningsOf({ HOST, SECRET_KEY: 'x' })).toEqual([
      expect.stringContaining('the default of JWT_SECRET is'),
    ]);
  });

  it.each(['localhost', '127.0.0.1', '::1'])('leave the secrets alone where HOST is %s', async (HOST) => {
    expect(await warningsOf({ HOST })).toEqual([]);
  });

  it('stand in the banner alone, and every other line of the log stays', () => {
    const warnings = [{ variable: 'REDIS_URL', detail: 'is not used' }];
    const json = { level: 'warn', message: 'configuration', ...warnings[0] };
    expect(repeats(JSON.stringify(json), warnings)).toBe(true);
    expect(repeats('12:00:00.000 warn  configuration variable=REDIS_URL detail=is not used', warnings)).toBe(
      true,
    );
    expect(repeats('12:00:00.000 warn  configuration variable=OTHER detail=is not used', warnings)).toBe(
      false,
    );
    expect(repeats('12:00:00.000 info  request route=/REDIS_URL status=200', warnings)).toBe(false);
  });
});
