import { describe, expect, it } from 'vitest';
import { configOf, type Env, problemsOf, strictEnv, warningsOf } from './config-fixtures.ts';

const named = (env: Env) => problemsOf(env).map((problem) => problem.split(' ')[0]);
const aws = { AWS_REGION: 'eu-central-1', AWS_ACCESS_KEY_ID: 'AKIA', AWS_SECRET_ACCESS_KEY: 'key' };
const awsNames = Object.keys(aws);

describe('e-mail', () => {
  it('is captured locally without a key, and sent by resend with one', () => {
    expect(configOf({}).email).toEqual({
      verification: 'optional',
      provider: { kind: 'capture', from: null, mailboxUrl: 'http://localhost:3002/dev/mailbox' },
      recipientBudget: { hourlyMax: 20, dailyMax: 50 },
    });
    expect(configOf({ RESEND_API_KEY: 'k', FROM_EMAIL: 'a@b.example' }).email.provider).toMatchObject({
      kind: 'resend',
      from: 'a@b.example',
    });
  });

  it.each([
    ['resend', ['RESEND_API_KEY', 'FROM_EMAIL']],
    ['ses', [...awsNames, 'FROM_EMAIL']],
    ['gmail', ['GMAIL_USER', 'GMAIL_APP_PASSWORD']],
    ['smtp', ['GMAIL_USER', 'GMAIL_APP_PASSWORD']],
  ])('by %s names everything that it needs', (provider, names) => {
    expect(named({ EMAIL_PROVIDER: provider }).sort()).toEqual([...names].sort());
  });

  it('by ses has its account and sender', () => {
    const { provider } = configOf({ EMAIL_PROVIDER: 'ses', FROM_EMAIL: 'A <a@b.example>', ...aws }).email;
    expect(provider).toMatchObject({ kind: 'ses', from: 'A <a@b.example>', aws: { region: 'eu-central-1' } });
  });

  it.each(['gmail', 'smtp'])('by %s sends from its own account and refuses another', (name) => {
    const env = { EMAIL_PROVIDER: name, GMAIL_USER: 'a@gmail.example', GMAIL_APP_PASSWORD: 'p' };
    expect(configOf(env).email.provider).toMatchObject({ kind: 'gmail', host: 'smtp.gmail.com', port: 465 });
    expect(problemsOf({ ...env, FROM_EMAIL: 'a@b.example' })).toEqual([
      expect.stringMatching(/^FROM_EMAIL must not/),
    ]);
  });

  it.each(['nobody', 'a@b@c', 'a b@c.example', 'A <a@b.example', '<>', 'a@b.example, c@d.example', 'A <x>'])(
    'refuses the sender %s, which is not one address',
    (from) =>
      expect(problemsOf({ FROM_EMAIL: from })).toEqual([expect.stringMatching(/^FROM_EMAIL must be/)]),
  );
});

describe('uploads', () => {
  it('are kept in r2 and scanned by the local stand-in by default', () => {
    expect(configOf({}).uploads).toEqual({
      storage: { kind: 'r2' },
      maxBytes: 5_242_880,
      pauseMs: 60_000,
      quota: { maxFiles: 100, maxTotalBytes: 1_073_741_824 },
      allowedTypes: [
        'application/pdf',
        'image/png',
        'image/jpeg',
        'application/vnd.openxmlformats-officedocument.wordprocessingml.document',
        'text/plain',
      ],
      scanner: { kind: 'builtin' },
    });
  });

  it('on s3 name everything that they need', () => {
    expect(named({ UPLOAD_STORAGE: 's3' }).sort()).toEqual([...awsNames, 'S3_BUCKET'].sort());
    const { storage } = configOf({ UPLOAD_STORAGE: 's3', S3_BUCKET: 'files', ...aws }).uploads;
    expect(storage).toMatchObject({ kind: 's3', bucket: 'files', endpoint: null });
  });

  it('take names and media types, each once', () => {
    const { allowedTypes } = configOf({ UPLOAD_ALLOWED_TYPES: 'JPG, jpeg, text/csv' }).uploads;
    expect(allowedTypes).toEqual(['image/jpeg', 'text/csv']);
    expect(problemsOf({ UPLOAD_ALLOWED_TYPES: 'pdf,exe' })).toEqual([
      expect.stringContaining('entry 2 must be'),
    ]);
    expect(warningsOf({ UPLOAD_ALLOWED_TYPES: 'pdf,made/up' })).toContainEqual(
      expect.stringMatching(/^UPLOAD_ALLOWED_TYPES made\/up: /),
    );
  });

  it('name what a scanner needs', () => {
    expect(named({ UPLOAD_SCANNER: 'guardduty' })).toEqual(['SCAN_CALLBACK_SECRET', 'UPLOAD_SCANNER']);
    expect(named({ UPLOAD_SCANNER: 'clamav' })).toEqual(['CLAMD_ADDRESS']);
  });

  it('refuse guardduty for files that it cannot see', () => {
    const env = { UPLOAD_SCANNER: 'guardduty', SCAN_CALLBACK_SECRET: 's' };
    expect(problemsOf(env)).toEqual([expect.stringMatching(/^UPLOAD_SCANNER guardduty scans files on s3/)]);
    const s3 = { ...env, UPLOAD_STORAGE: 's3', S3_BUCKET: 'files', ...aws };
    expect(problemsOf(s3)).toEqual([]);
    expect(warningsOf({ ...s3, S3_ENDPOINT: 'https://s3.example.com' })).toContainEqual(
      expect.stringMatching(/^S3_ENDPOINT guardduty scans/),
    );
  });

  it('let an account hold at least one file of the largest size', () => {
    expect(configOf({ UPLOAD_MAX_BYTES: '2000000000' }).uploads.quota.maxTotalBytes).toBe(2_000_000_000);
    expect(problemsOf({ UPLOAD_MAX_TOTAL_BYTES_PER_USER: '5242879' })).toEqual([
      expect.stringMatching(/^UPLOAD_MAX_TOTAL_BYTES_PER_USER must not be less/),
    ]);
  });

  it.each([
    ['clamd.internal', { hostname: 'clamd.internal', port: 3310 }],
    ['127.0.0.1:9999', { hostname: '127.0.0.1', port: 9999 }],
    ['[::1]:9999', { hostname: '[::1]', port: 9999 }],
  ])('reach clamd at %s', (address, expected) => {
    const { scanner } = configOf({ UPLOAD_SCANNER: 'clamav', CLAMD_ADDRESS: address }).uploads;
    expect(scanner).toEqual({ kind: 'clamav', ...expected });
  });

  it.each(['tcp://h:1', 'h:99999', 'h:x', 'u@h', 'h/x'])('refuse CLAMD_ADDRESS=%s', (address) => {
    expect(problemsOf({ CLAMD_ADDRESS: address })).toEqual(['CLAMD_ADDRESS must be host or host:port']);
  });
});

describe('metrics and traces', () => {
  it('are off by default', () => {
    expect(configOf({}).metrics).toEqual({ enabled: false, token: null });
    expect(configOf({}).tracing).toBeNull();
  });

  it('read the variables of OpenTelemetry', () => {
    const { tracing } = configOf({
      OTEL_EXPORTER_OTLP_ENDPOINT: 'https://otel.example/',
      OTEL_EXPORTER_OTLP_HEADERS: 'Authorization=Basic%20abc=, x-team = a',
      OTEL_TRACES_SAMPLER_ARG: '0.25',
    });
    expect(tracing?.url.reveal()).toBe('https://otel.example/v1/traces');
    expect(tracing).toMatchObject({
      serviceName: 'itsor',
      sampleRatio: 0.25,
    });
    expect(tracing?.headers.map(({ name, value }) => [name, value.reveal()])).toEqual([
      ['authorization', 'Basic abc='],
      ['x-team', 'a'],
    ]);
  });

  it.each([
    ['https://otel.example', 'https://otel.example/v1/traces', 0],
    ['https://otel.example//', 'https://otel.example/v1/traces', 0],
    ['https://otel.example/otlp/', 'https://otel.example/otlp/v1/traces', 0],
    ['https://otel.example/otlp/v1/traces', 'https://otel.example/otlp/v1/traces', 1],
    ['https://otel.example/v1/traces/', 'https://otel.example/v1/traces/', 1],
    ['https://otel.example/otlp?api-key=k&x=1', 'https://otel.example/otlp/v1/traces?api-key=k&x=1', 0],
    ['https://otel.example/v1/traces?token=k', 'https://otel.example/v1/traces?token=k', 1],
  ])('send spans for %s to %s', (given, url, warnings) => {
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: given };
    expect(configOf(env).tracing?.url.reveal()).toBe(url);
    expect(warningsOf(env)).toHaveLength(warnings);
  });

  it.each([
    'https://bob:pw@otel.example',
    'https://otel.example/#x',
    'otel.example:4318',
    'grpc://otel.example',
  ])('refuse the endpoint %s', (given) =>
    expect(problemsOf({ OTEL_EXPORTER_OTLP_ENDPOINT: given })).toEqual([
      expect.stringMatching(/^OTEL_EXPORTER_OTLP_ENDPOINT must be an http or https URL/),
    ]),
  );

  it.each(['novalue', '=v', 'a b=v', 'a=%zz', 'a=%0d%0aevil:1'])('refuse the header %s', (header) => {
    expect(problemsOf({ OTEL_EXPORTER_OTLP_HEADERS: `ok=1,${header}` })).toEqual([
      expect.stringMatching(/^OTEL_EXPORTER_OTLP_HEADERS entry 2 must be name=value/),
    ]);
  });

  it.each(['1.1', '-0.1', 'half', '1e-3'])('refuse the share %s', (share) => {
    expect(problemsOf({ OTEL_TRACES_SAMPLER_ARG: share })).toEqual([
      'OTEL_TRACES_SAMPLER_ARG must be a number from 0 to 1',
    ]);
  });
});

describe('single sign-on', () => {
  const provider = { id: 'acme', issuer: 'https://idp.example/', client_id: 'c', client_secret: 's' };
  const given = (...providers: unknown[]) => ({ OIDC_PROVIDERS: JSON.stringify(providers, null, 2) });

  it('is off by default, and so is Turnstile', () => {
    expect(configOf({}).oidc).toEqual({
      providers: [],
      github: null,
    });
    expect(configOf({}).turnstile).toBeNull();
    expect(configOf({ TURNSTILE_SECRET_KEY: 'k' }).turnstile?.secretKey.reveal()).toBe('k');
    expect(configOf({ TURNSTILE_SECRET_KEY: 'k' }).turnstile?.siteKey).toBeNull();
    expect(problemsOf({ TURNSTILE_SITE_KEY: 'public' })).toEqual([
      'TURNSTILE_SECRET_KEY is required beside TURNSTILE_SITE_KEY',
    ]);
    expect(problemsOf({ TURNSTILE_SITE_KEY: 'public', TURNSTILE_ROUTES: 'login' })).toEqual([
      'TURNSTILE_SECRET_KEY is required beside TURNSTILE_SITE_KEY and TURNSTILE_ROUTES',
    ]);
  });

  it('reads what needs a Turnstile token: by default a sign-up', () => {
    const on = { TURNSTILE_SECRET_KEY: 'k' };
    expect(configOf(on).turnstile?.routes).toEqual(['signup']);
    const routes = configOf({ ...on, TURNSTILE_ROUTES: 'Login, forgot,resend,' }).turnstile?.routes;
    expect(routes).toEqual(['login', 'forgot', 'resend']);
    expect(problemsOf({ ...on, TURNSTILE_ROUTES: 'login, reset' })).toEqual([
      'TURNSTILE_ROUTES entry 2 must be one of signup, forgot, resend, login',
    ]);
  });

  it('warns that pages leave forms out where the site key is missing', () => {
    const on = { TURNSTILE_SECRET_KEY: 'k', TURNSTILE_ROUTES: 'forgot, login' };
    expect(warningsOf(on)).toEqual([
      'TURNSTILE_SITE_KEY is not set, so our own pages leave out the forms that need a token: forgot, login',
    ]);
    expect(warningsOf({ ...on, TURNSTILE_SITE_KEY: 'public' })).toEqual([]);
  });

  it('reads providers, the issuer in its own spelling', () => {
    const [acme, other] = configOf(given(provider, { ...provider, id: 'b', scopes: 'openid email' })).oidc
      .providers;
    expect(acme).toMatchObject({
      id: 'acme',
      name: 'acme',
      issuer: 'https://idp.example/',
      scopes: ['openid', 'email', 'profile'],
    });
    expect(acme?.clientSecret.reveal()).toBe('s');
    expect(other?.scopes).toEqual(['openid', 'email']);
  });

  it.each([
    ['an unknown member', { ...provider, extra: 1 }, 'entry 1 must be an object of'],
    ['no object', 'acme', 'entry 1 must be an object of'],
    ['a bad id', { ...provider, id: 'A/B' }, 'entry 1: id must be'],
    ['a name of two lines', { ...provider, name: 'Acme\nInc' }, 'entry 1: name must be'],
    ['an empty name', { ...provider, name: ' ' }, 'entry 1: name must be'],
    ['no secret', { ...provider, client_secret: undefined }, 'entry 1: client_secret must be'],
    ['an issuer with a query', { ...provider, issuer: 'https://x.example?y' }, 'entry 1: issuer must be'],
    [
      'an unknown way to send the secret',
      { ...provider, token_endpoint_auth_method: 'private_key_jwt' },
      'entry 1: token_endpoint_auth_method must be one of client_secret_basic,',
    ],
    ['scopes without openid', { ...provider, scopes: ['email'] }, 'entry 1: scopes must be'],
    ['a scope with a quote', { ...provider, scopes: ['openid', 'a"b'] }, 'entry 1: scopes must be'],
  ])('refuses %s', (_, entry, detail) => {
    expect(problemsOf(given(entry))).toEqual([expect.stringContaining(`OIDC_PROVIDERS ${detail}`)]);
  });

  it.each(['{}', 'null', '[', 'acme', '"acme"'])('refuses %s in the place of a list', (text) => {
    expect(problemsOf({ OIDC_PROVIDERS: text })).toEqual(['OIDC_PROVIDERS must be a JSON list of objects']);
  });

  it('refuses one id twice, and the one of GitHub', () => {
    expect(problemsOf(given(provider, provider))).toHaveLength(1);
    const github = { GITHUB_CLIENT_ID: 'i', GITHUB_CLIENT_SECRET: 's' };
    expect(problemsOf({ ...github, ...given({ ...provider, id: 'github' }) })).toHaveLength(1);
    expect(configOf(github).oidc.github?.clientId).toBe('i');
  });

  it('shows a provider by its name', () => {
    expect(configOf(given({ ...provider, name: 'Acme Inc.' })).oidc.providers[0]?.name).toBe('Acme Inc.');
  });

  it.each([
    ['a provider', given(provider)],
    ['GitHub', { GITHUB_CLIENT_ID: 'i', GITHUB_CLIENT_SECRET: 's' }],
  ])('with %s needs API_URL in a strict environment', (_, env) => {
    expect(problemsOf({ ...strictEnv, ...env })).toEqual([
      expect.stringMatching(/^API_URL is required with single sign-on/),
    ]);
    expect(problemsOf({ ...strictEnv, ...env, API_URL: 'http://api.example.com' })).toEqual([
      'API_URL must be an https URL',
    ]);
    expect(configOf({ ...strictEnv, ...env, API_URL: 'https://api.example.com' }).origins.ownUrl).toBe(
      'https://api.example.com',
    );
    expect(configOf({ ...env, HOST: '0.0.0.0', BACKEND_PORT: '4000' }).origins.ownUrl).toBe(
      'http://localhost:4000',
    );
  });

  it('links in mails lead to API_URL where nothing else is named', () => {
    const api = 'https://auth.test';
    expect(configOf({ API_URL: api }).origins).toMatchObject({ api, appUrl: api });
    expect(configOf({ API_URL: api, APP_URL: 'https://app.test' }).origins.appUrl).toBe('https://app.test');
    expect(configOf({}).origins).toMatchObject({ api: null, appUrl: 'http://localhost:3002' });
  });

  it.each([
    ['https://api.example.com', 'https://api.example.com', ''],
    ['https://API.example.com:443/', 'https://api.example.com', ''],
    ['https://app.example.com/api', 'https://app.example.com/api', '/api'],
    ['https://app.example.com/api/', 'https://app.example.com/api', '/api'],
    [
      'https://app.example.com/Team_1/auth-v1.2~x',
      'https://app.example.com/Team_1/auth-v1.2~x',
      '/Team_1/auth-v1.2~x',
    ],
  ])('API_URL=%s may have a path, which begins every path of a cookie', (url, api, basePath) => {
    const { origins, cookies } = configOf({ API_URL: url });
    expect(origins).toMatchObject({ api, basePath, ownUrl: api, appUrl: api });
    expect(cookies).toMatchObject({
      refreshPath: `${basePath}/auth`,
      attemptPath: `${basePath}/auth/oauth`,
    });
  });

  it('cookies with __Host- have the path / under a base path too, or browsers would drop them', () => {
    const secure = { API_URL: 'https://app.example.com/api', SESSION_COOKIE_SECURE: 'true' };
    expect(configOf({ ...secure, SESSION_COOKIE_NAME: '__Host-itsor' }).cookies).toMatchObject({
      refreshPath: '/',
      attemptPath: '/',
    });
    expect(configOf(secure).cookies).toMatchObject({ refreshPath: '/api/auth', attemptPath: '/' });
  });

  it.each([
    'api.example.com',
    'ftp://api.example.com',
    'https://app.example.com//',
    'https://app.example.com//api',
    'https://app.example.com/api//',
    'https://app.example.com/api//v1',
    'https://app.example.com/api?x=1',
    'https://app.example.com/api#x',
    'https://app.example.com/api;Domain=example.com',
    'https://app.example.com/api,x',
    'https://app.example.com/"><script>',
    "https://app.example.com/'x",
    'https://app.example.com/a b',
    'https://app.example.com/%61pi',
    'https://app.example.com/a%2fb',
    'https://app.example.com/../api',
    'https://app.example.com/api/..',
    'https://app.example.com/./api',
    'https://app.example.com/büro',
    'https://app.example.com\\api',
    'https://ada:secret@app.example.com/api',
    'https://app.example.com/:id',
    'https://app.example.com/*',
  ])('refuses API_URL=%s, whose path is not plain', (url) =>
    expect(problemsOf({ API_URL: url })).toEqual([expect.stringMatching(/^API_URL must be/)]),
  );

  it('causes a warning where no cookies are accepted, because it logs in by cookies', () => {
    const env = { ...given(provider), GITHUB_CLIENT_ID: 'i', GITHUB_CLIENT_SECRET: 's' };
    const about = (locations: string) =>
      warningsOf({ ...env, JWT_TOKEN_LOCATION: locations }).filter((warning) =>
        warning.includes('no effect'),
      );
    expect(about('headers')).toEqual([
      expect.stringMatching(/^OIDC_PROVIDERS has no effect/),
      expect.stringMatching(/^GITHUB_CLIENT_ID has no effect/),
    ]);
    expect(about('headers,cookies')).toEqual([]);
  });

  it.each(['GITHUB_CLIENT_ID', 'GITHUB_CLIENT_SECRET'])(
    'refuses %s without the other half of the GitHub credentials',
    (name) => {
      expect(problemsOf({ [name]: 'x' })).toEqual([
        expect.stringMatching(/^GITHUB_CLIENT_(ID|SECRET) is required with/),
      ]);
      expect(named({ [name]: 'x' })).not.toContain(name);
    },
  );
});
