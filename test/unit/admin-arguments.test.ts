import { afterAll, expect, it } from 'vitest';
import { readArguments as readOwnArguments } from '../../scripts/admin/arguments.ts';

const ofRunner = process.argv;
afterAll(() => {
  process.argv = ofRunner;
});

/** As the program reads them. */
const readArguments = (args: readonly string[]) => {
  process.argv = ['node', 'admin-create.ts', ...args];
  return readOwnArguments();
};

const email = ['--email', 'Ada@Example.com'];

it('takes an address in any case, and a user name and a database where they are given', () => {
  expect(readArguments(email)).toEqual({
    email: 'ada@example.com',
    username: null,
    acceptUnverified: false,
    url: null,
  });
  expect(readArguments([...email, '--unverified'])).toMatchObject({ acceptUnverified: true });
  expect(readArguments(['--email', ' Ada@MÜNCHEN.example', '--username', 'Ada '])).toMatchObject({
    email: 'ada@xn--mnchen-3ya.example',
    username: 'ada',
  });
  const url = 'postgres://itsor_app:pw@db.example.com/itsor';
  expect(readArguments([...email, '--username', 'ada', '--url', url])).toMatchObject({
    username: 'ada',
    url,
  });
});

it.each([
  [[...email, '--password', 'x'], /^A password is no argument: .* shell/],
  [[...email, '--password=x'], /^A password is no argument/],
  [[...email, '-pass', 'x'], /^A password is no argument/],
  [[], /--email/],
  [['ada@example.com'], /npm run admin:create/],
  [['--email', ''], /^--email is empty/],
  [['--email', 'ädä@example.com'], /^--email: only .* before the @/],
  [['--email', 'ada'], /^--email: must be an e-mail address/],
  [['--email', `${'a'.repeat(65)}@example.com`], /^--email: at most 64 characters/],
  [[...email, '--username', 'A B'], /^--username: only a-z/],
  [['--email', 'ada', '--username', 'A B'], /^--email: must be .*\.\n--username: only a-z/],
  [[...email, '--username', ''], /^--username is empty/],
  [[...email, '--url', 'mysql://x'], /^--url must be a connection string/],
  [[...email, '--url', 'postgres'], /^--url must be a connection string/],
  [[...email, '--role', 'x'], /Unknown option '--role'/],
])('refuses %j', (args, reason) => {
  expect(() => readArguments(args)).toThrow(expect.objectContaining({ name: 'CliError' }));
  expect(() => readArguments(args)).toThrow(reason);
});
