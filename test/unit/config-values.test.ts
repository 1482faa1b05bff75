import { describe, expect, it } from 'vitest';
import { configOf, type Env, problemsOf, warningsOf } from './config-fixtures.ts';

const bounds: [name: string, min: number, max: number, unit?: string][] = [
  ['BACKEND_PORT', 1, 65_535],
  ['FRONTEND_PORT', 1, 65_535],
  ['WEB_PORT', 1, 65_535],
  ['DB_PORT', 1, 65_535],
  ['SMTP_PORT', 1, 65_535],
  ['JWT_ACCESS_MINUTES', 1, 1440, 'minutes'],
  ['JWT_REFRESH_TTL_DAYS', 1, 90, 'days'],
  ['REFRESH_REUSE_GRACE_SECONDS', 0, 60, 'seconds'],
  ['SESSION_MAX_PER_ACCOUNT', 1, 1000],
  ['RATE_LIMIT_MAX', 1, 1_000_000],
  ['RATE_LIMIT_WINDOW_MS', 100, 86_400_000, 'milliseconds'],
  ['LOGIN_BRUTE_MAX_ATTEMPTS', 1, 1_000_000],
  ['LOGIN_BRUTE_WINDOW_MS', 100, 86_400_000, 'milliseconds'],
  ['LOGIN_BRUTE_LOCK_MS', 100, 86_400_000, 'milliseconds'],
  ['EVEN_ANSWER_MS', 0, 1000, 'milliseconds'],
  ['REQUEST_TIMEOUT_MS', 100, 86_400_000, 'milliseconds'],
  ['PASSWORD_MIN_LENGTH', 8, 128],
  ['PASSWORD_MAX_AGE_DAYS', 0, 3650, 'days'],
  ['ARGON2_MEMORY_KIB', 7168, 65_536, 'KiB'],
  ['ARGON2_ITERATIONS', 1, 10],
  ['MAIL_RECIPIENT_HOURLY_MAX', 7, 1_000_000],
  ['MAIL_RECIPIENT_DAILY_MAX', 7, 1_000_000],
  ['UPLOAD_MAX_BYTES', 1, 5_368_709_120, 'bytes'],
];

describe('whole numbers', () => {
  it.each(bounds)('%s goes from %i to %i', (name, min, max, unit) => {
    const refused = [
      unit
        ? `${name} must be a whole number of ${unit} from ${min} to ${max}, without a unit`
        : `${name} must be a whole number from ${min} to ${max}`,
    ];
    expect(problemsOf({ [name]: String(min) })).toEqual([]);
    expect(problemsOf({ [name]: String(max) })).toEqual([]);
    expect(problemsOf({ [name]: String(min - 1) })).toEqual(refused);
    expect(problemsOf({ [name]: String(max + 1) })).toEqual(refused);
  });

  it.each(['1e3', '0x10', '1.5', '-1', '+5', '1_000', 'ten', '1 0', '٥', 'NaN', 'Infinity', '9'.repeat(400)])(
    'are not written as %s',
    (given) => expect(problemsOf({ RATE_LIMIT_MAX: given })).toHaveLength(1),
  );

  it.each([
    ['REFRESH_REUSE_GRACE_SECONDS', '60s', 'seconds'],
    ['UPLOAD_MAX_BYTES', '5MB', 'bytes'],
    ['RATE_LIMIT_WINDOW_MS', '1 min', 'milliseconds'],
  ])('say which unit they are in to a person who writes one: %s=%s', (name, given, unit) =>
    expect(problemsOf({ [name]: given })).toEqual([
      expect.stringMatching(`^${name} must be a whole number of ${unit} .*, without a unit$`),
    ]),
  );

  it('refuse an absolute session life below the life of a refresh token', () => {
    expect(problemsOf({ JWT_REFRESH_TTL_DAYS: '8', SESSION_ABSOLUTE_DAYS: '7' })).toEqual([
      'SESSION_ABSOLUTE_DAYS must not be less than JWT_REFRESH_TTL_DAYS',
    ]);
    expect(problemsOf({ JWT_REFRESH_TTL_DAYS: '7', SESSION_ABSOLUTE_DAYS: '7' })).toEqual([]);
    expect(problemsOf({ SESSION_ABSOLUTE_DAYS: '366' })).toEqual([
      'SESSION_ABSOLUTE_DAYS must be a whole number of days from 1 to 365, without a unit',
    ]);
  });

  it('let a long refresh life lengthen a session without SESSION_ABSOLUTE_DAYS', () => {
    expect(configOf({ JWT_REFRESH_TTL_DAYS: '60' }).session).toMatchObject({
      refreshTtlSeconds: 60 * 86_400,
      absoluteTtlSeconds: 60 * 86_400,
    });
    expect(configOf({}).session.absoluteTtlSeconds).toBe(30 * 86_400);
  });

  it('let passwords live forever with PASSWORD_MAX_AGE_DAYS=0', () => {
    expect(configOf({ PASSWORD_MAX_AGE_DAYS: '0' }).password.maxAgeDays).toBeNull();
  });
});

describe('switches', () => {
  it.each(['1', 'true', 'on', 'yes', 'TRUE', 'Yes'])('%s is on', (given) => {
    expect(configOf({ PWNED_PASSWORDS: given }).password.pwnedPasswords).toBe(true);
  });

  it.each(['0', 'false', 'off', 'no', 'False', 'OFF'])('%s is off', (given) => {
    expect(configOf({ LOG_PRETTY: given }).log.pretty).toBe(false);
  });

  it.each([
    'SESSION_COOKIE_SECURE',
    'PWNED_PASSWORDS',
    'LOG_PRETTY',
    'ENABLE_METRICS',
    'FLAG_EXPERIMENTAL_CACHING',
  ])('%s accepts no other word', (name) => {
    expect(problemsOf({ [name]: 'maybe' })).toEqual([
      `${name} must be 1 or 0, true or false, on or off, yes or no`,
    ]);
  });
});

describe('closed sets', () => {
  it.each([
    'SESSION_COOKIE_SAMESITE',
    'EMAIL_VERIFICATION',
    'EMAIL_PROVIDER',
    'UPLOAD_STORAGE',
    'UPLOAD_SCANNER',
    'LOG_LEVEL',
    'JWT_ALGORITHM',
    'DB_SSLMODE',
  ])('%s is refused outside its set', (name) => {
    expect(problemsOf({ [name]: 'bogus' })).toEqual([
      expect.stringMatching(new RegExp(`^${name} must be one of `)),
    ]);
  });

  it('are read in any case', () => {
    expect(configOf({ SESSION_COOKIE_SAMESITE: 'Strict' }).cookies.sameSite).toBe('strict');
    expect(configOf({ JWT_ALGORITHM: 'hs384' }).jwt.algorithm).toBe('HS384');
  });
});

describe('cookies', () => {
  it('add _refresh to the name and stay under /auth', () => {
    expect(configOf({ SESSION_COOKIE_NAME: 'sid' }).cookies).toEqual({
      sessionName: 'sid',
      refreshName: 'sid_refresh',
      attemptName: 'sid_oauth',
      attemptPath: '/auth/oauth',
      signUpName: 'sid_signup',
      refreshPath: '/auth',
      renewName: 'sid_renew',
      renewPath: '/account',
      secure: false,
      sameSite: 'lax',
    });
  });

  it.each(['sid', '__Secure-sid', '__Host-sid'])(
    'with Secure, the attempt to log in by a provider is bound to the host, whatever %s is',
    (name) => {
      const { cookies } = configOf({ SESSION_COOKIE_NAME: name, SESSION_COOKIE_SECURE: 'true' });
      expect(cookies).toMatchObject({ attemptName: '__Host-sid_oauth', attemptPath: '/' });
    },
  );

  // Proves ASVS 3.3.2.
  it('SameSite=None needs Secure', () => {
    const env = { SESSION_COOKIE_SAMESITE: 'none' };
    expect(problemsOf(env)).toEqual([expect.stringMatching(/^SESSION_COOKIE_SAMESITE none needs/)]);
    expect(problemsOf({ ...env, SESSION_COOKIE_SECURE: '1' })).toEqual([]);
  });

  it.each(['__Host-sid', '__Secure-sid', '__host-sid'])('%s needs Secure', (name) => {
    expect(problemsOf({ SESSION_COOKIE_NAME: name })).toEqual([
      expect.stringMatching(/^SESSION_COOKIE_NAME with a/),
    ]);
    const { refreshPath } = configOf({ SESSION_COOKIE_NAME: name, SESSION_COOKIE_SECURE: '1' }).cookies;
    expect(refreshPath).toBe(/host/i.test(name) ? '/' : '/auth');
  });

  it.each(['a b', 'a;b', 'a=b', 'a,b', 'ä', '"a"', 'a(b)'])(
    'the name is a token of RFC 6265, not %s',
    (name) => {
      expect(problemsOf({ SESSION_COOKIE_NAME: name })).toEqual([
        expect.stringMatching(/^SESSION_COOKIE_NAME must/),
      ]);
      expect(problemsOf({ JWT_HEADER_NAME: name, JWT_HEADER_TYPE: name })).toHaveLength(2);
    },
  );
});

describe('origins', () => {
  const allowedOf = (env: Env) => configOf(env).origins.allowed;

  it('are those of the local frontends by default', () => {
    const both = [
      'http://127.0.0.1:3000',
      'http://127.0.0.1:3001',
      'http://localhost:3000',
      'http://localhost:3001',
    ];
    expect([...allowedOf({})].sort()).toEqual(both);
    for (const HOST of ['0.0.0.0', '::'])
      expect(allowedOf({ HOST, FRONTEND_PORT: '80' })).toContain('http://localhost');
  });

  it('have localhost beside a local address only', () => {
    expect(allowedOf({ HOST: '192.168.1.5' })).toEqual([
      'http://192.168.1.5:3000',
      'http://192.168.1.5:3001',
    ]);
    expect(allowedOf({ HOST: '::1', FRONTEND_PORT: '5', WEB_PORT: '6' })).toEqual([
      'http://[::1]:5',
      'http://[::1]:6',
    ]);
    expect(problemsOf({ HOST: 'a/b' })).toEqual(['HOST must be a host name or an address']);
  });

  it('are kept in the spelling that browsers send', () => {
    expect(allowedOf({ ALLOWED_ORIGINS: 'HTTPS://App.Example.com:443, http://a.example:8080' })).toEqual(
      expect.arrayContaining(['https://app.example.com', 'http://a.example:8080']),
    );
  });

  it.each([
    '*',
    'null',
    'https://*.example.com',
    'https://a.example//',
    'https://a.example/path',
    'https://a.example?x',
    'https://a.example#x',
    'https://u:p@a.example',
    'https://u@a.example',
    'a.example',
    'ftp://a.example',
    'file:///x',
    'javascript:alert(1)',
    'https://a.example\\@b.example',
    'https://',
    // Of the schemes that the web knows, only http and https are origins.
    'ws://a.example',
    'data://a',
    'blob:https://a.example',
    'about://blank',
    'javascript://a',
    // An app's origin is exact, too.
    'capacitor://*',
    'capacitor://localhost/path',
    'capacitor://a@localhost',
    'capacitor://localhost?x',
    'capacitor:localhost',
    // Proves ASVS 3.4.2.
  ])('are refused by position: %s', (origin) => {
    expect(problemsOf({ ALLOWED_ORIGINS: `https://ok.example,${origin}` })).toEqual([
      expect.stringMatching(/^ALLOWED_ORIGINS entry 2 /),
    ]);
  });

  it('are refused with the reason', () => {
    expect(problemsOf({ ALLOWED_ORIGINS: 'null' })).toEqual([expect.stringContaining('sandboxed page')]);
    expect(problemsOf({ ALLOWED_ORIGINS: '*' })).toEqual([
      expect.stringContaining('name each origin exactly'),
    ]);
    expect(problemsOf({ ALLOWED_ORIGINS: 'https://a.example/app' })).toEqual([
      expect.stringContaining('no path'),
    ]);
  });

  it.each([
    'capacitor://localhost',
    'ionic://localhost',
    'tauri://localhost',
    'app://.',
    'app://',
    'chrome-extension://abcdefghijklmnopabcdefghijklmnop',
    'moz-extension://3c7d1a5e-0000-4000-8000-000000000000',
    'my.app+x://Host:8080',
  ])('may be those of apps, which stay as they are written: %s', (origin) => {
    expect(allowedOf({ ALLOWED_ORIGINS: origin })).toContain(origin);
    expect(configOf({ ALLOWED_ORIGINS: `${origin},https://a.example` }).origins.appUrl).toBe(
      'https://a.example',
    );
    expect(configOf({ ALLOWED_ORIGINS: origin }).origins.appUrl).toBe('http://localhost:3002');
  });

  it('may be written with a slash at the end of each, and a comma at the end of the list', () => {
    expect(allowedOf({ ALLOWED_ORIGINS: 'https://a.example/, capacitor://localhost/, ' })).toEqual(
      expect.arrayContaining(['https://a.example', 'capacitor://localhost']),
    );
    expect(problemsOf({ ALLOWED_ORIGINS: ',' })).toEqual(['ALLOWED_ORIGINS entry 1 is empty']);
  });

  it.each(['a,b', 'a, b', 'a b', 'a\nb', 'a,\r\n  b', ' a ,\tb,'])('are separated as in %j', (list) => {
    const given = list.replace('a', 'https://a.example').replace('b', 'capacitor://b');
    expect(allowedOf({ ALLOWED_ORIGINS: given })).toEqual(
      expect.arrayContaining(['https://a.example', 'capacitor://b']),
    );
  });

  it('and the URLs of a service say how they begin where the scheme is missing', () => {
    const begins = 'must begin with https:// (or http://)';
    for (const given of ['app.example.com', 'app.example.com:8443', '//app.example.com', 'localhost:3000'])
      expect(
        problemsOf({ ALLOWED_ORIGINS: given, API_URL: given, APP_URL: given, S3_ENDPOINT: given }),
      ).toEqual(
        expect.arrayContaining([
          `ALLOWED_ORIGINS entry 1 ${begins}`,
          `API_URL ${begins}`,
          `APP_URL ${begins}`,
          `S3_ENDPOINT ${begins}`,
        ]),
      );
  });

  it('are refused all at once', () => {
    expect(problemsOf({ ALLOWED_ORIGINS: '*,https://a.example/app,,https://b.example' })).toHaveLength(3);
  });

  it('start the links in e-mails unless APP_URL does', () => {
    expect(configOf({}).origins.appUrl).toBe('http://localhost:3002');
    for (const HOST of ['0.0.0.0', '::', '[::]', '0:0::0'])
      expect(configOf({ HOST, BACKEND_PORT: '8080' }).origins.appUrl).toBe('http://localhost:8080');
    expect(configOf({ ALLOWED_ORIGINS: 'https://a.example,https://b.example' }).origins.appUrl).toBe(
      'https://a.example',
    );
    expect(configOf({ APP_URL: 'https://c.example/app/' }).origins.appUrl).toBe('https://c.example/app');
  });

  it.each([
    'c.example',
    'ftp://c.example',
    'https://u:p@c.example',
    'https://c.example/?x',
    'https://c.example/#x',
  ])('APP_URL is not %s', (url) =>
    expect(problemsOf({ APP_URL: url })).toEqual([expect.stringMatching(/^APP_URL must be/)]),
  );
});

describe('CORS_ALLOWED_HEADERS', () => {
  it('lists names of headers', () => {
    expect(configOf({ CORS_ALLOWED_HEADERS: 'baggage, sentry-trace,' }).origins.allowedHeaders).toEqual([
      'baggage',
      'sentry-trace',
    ]);
    expect(configOf({}).origins.allowedHeaders).toEqual([]);
  });

  it.each(['*', 'a b', 'x\u00e9', 'a:b', 'a,,b'])('does not take %j', (given) =>
    expect(problemsOf({ CORS_ALLOWED_HEADERS: given })).toEqual([
      expect.stringMatching(/^CORS_ALLOWED_HEADERS entry \d must be the name of a header/),
    ]),
  );
});

describe('feature flags', () => {
  it('are off unless set', () => {
    expect(configOf({}).flags).toEqual({ experimental_caching: false, new_dashboard_widgets: false });
    expect(configOf({ FLAG_NEW_DASHBOARD_WIDGETS: 'on' }).flags.new_dashboard_widgets).toBe(true);
  });

  it('cause a warning and have no effect where the code does not know them', () => {
    expect(warningsOf({ FLAG_NEW_DASHBORD: '1' })).toEqual([
      'FLAG_NEW_DASHBORD is not a feature flag that Itsor knows',
    ]);
    expect(configOf({ FLAG_NEW_DASHBORD: '1' }).flags).toEqual(configOf({}).flags);
  });
});
