import { describe, expect, it } from 'vitest';
import { createOriginCheck } from '../../src/platform/rules/origins.ts';
import { readReturnAddress } from '../../src/sso/rules.ts';
import { configOf, strictEnv } from './config-fixtures.ts';

const isLocalOrigin = createOriginCheck(configOf({}).origins);
const isStrictOrigin = createOriginCheck(configOf(strictEnv).origins);

const loopback = [
  ...['http://localhost', 'http://localhost:5173', 'https://localhost:8443'],
  ...['http://127.0.0.1:5173', 'http://127.8.9.10:1', 'http://[::1]:5173'],
];

const others = [
  ...[
    'http://app.localhost:3000',
    'http://localhost.evil.example',
    'http://127.0.0.1.evil.example',
    'http://evil-localhost',
    'http://localhos',
  ],
  ...['http://localhost@evil.example', 'http://evil.example#localhost', 'http://evil.example?://localhost'],
  ...[
    'http://192.168.1.5:3000',
    'http://10.0.0.1',
    'http://0.0.0.0:3000',
    'http://[::]',
    'http://[::ffff:127.0.0.1]',
  ],
  // Not as a browser spells it.
  ...[
    'http://127.1:3000',
    'http://2130706433',
    'http://LOCALHOST',
    'http://localhost/',
    'http://localhost:80',
  ],
  ...[
    'http://user@localhost',
    'http:localhost',
    '//localhost',
    'localhost',
    ' http://localhost',
    'http://localhost\t',
  ],
  ...[
    'blob:http://localhost/x',
    'file://localhost',
    'capacitor://localhost',
    'javascript://localhost',
    'null',
    '',
  ],
  ...['http://localhost,https://evil.example', 'http://localhost https://evil.example'],
];

describe('a local service', () => {
  it.each(loopback)('allows %s', (origin) => expect(isLocalOrigin(origin)).toBe(true));
  it.each(others)('refuses "%s"', (origin) => expect(isLocalOrigin(origin)).toBe(false));

  it('allows an exact origin beside those of this machine', () => {
    const isAllowed = createOriginCheck(configOf({ ALLOWED_ORIGINS: 'https://a.example' }).origins);
    expect([isAllowed('https://a.example'), isAllowed('https://b.example')]).toEqual([true, false]);
  });

  it('sends people back from single sign-on to this machine, and nowhere else', () => {
    const policy = { isAllowedOrigin: isLocalOrigin, apiUrl: 'http://localhost:3002' };
    expect(readReturnAddress('http://127.0.0.1:5173/a?b', policy)).toBe('http://127.0.0.1:5173/a?b');
    for (const address of [
      'http://localhost.evil.example/',
      '//evil.example',
      'http://localhost@evil.example/',
    ])
      expect(readReturnAddress(address, policy)).toBeNull();
  });
});

describe('a strict service', () => {
  it.each([...loopback, ...others])('refuses "%s"', (origin) => expect(isStrictOrigin(origin)).toBe(false));
});
