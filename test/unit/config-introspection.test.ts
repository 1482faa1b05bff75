import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { configOf, problemsOf } from './config-fixtures.ts';

const hash = createHash('sha256').update('a secret').digest('base64url');
const orders = 'https://orders.example';
const entry = (id: string, audience: string) => `${id}=sha256:${hash}@${audience}`;

describe('JWT_AUDIENCES', () => {
  it('is a list of names and URIs, and empty by default', () => {
    expect(configOf({}).services.audiences).toEqual([]);
    const given = { JWT_AUDIENCES: 'orders, https://billing.example/api?v=1' };
    expect(configOf(given).services.audiences).toEqual(['orders', 'https://billing.example/api?v=1']);
  });

  it.each(['a b', 'https://a.example/#fragment', 'a,,b', 'x'.repeat(257)])('refuses %s', (given) => {
    expect(problemsOf({ JWT_AUDIENCES: given })[0]).toMatch(
      /^JWT_AUDIENCES entry \d must be a name or a URI/,
    );
  });

  it.each(['orders,orders', 'itsor-clients'])('refuses an audience twice: %s', (given) => {
    expect(problemsOf({ JWT_AUDIENCES: given })).toEqual([
      'JWT_AUDIENCES must not have two entries of one audience, or that of JWT_AUDIENCE',
    ]);
  });
});

describe('INTROSPECTION_CLIENTS', () => {
  it('is a list by commas or line breaks, of audiences that may contain @ and =', () => {
    const odd = 'https://a.example/@me?x=1';
    const env = {
      JWT_AUDIENCES: `${orders},${odd}`,
      INTROSPECTION_CLIENTS: `${entry('orders', orders)},\n${entry('odd', odd)}\n${entry('own', 'itsor-clients')}`,
    };
    expect(configOf(env).services.introspectionClients).toEqual([
      { id: 'orders', secretHash: hash, audience: orders },
      { id: 'odd', secretHash: hash, audience: odd },
      { id: 'own', secretHash: hash, audience: 'itsor-clients' },
    ]);
  });

  it.each([
    `orders=${hash}@${orders}`,
    `orders=sha256:short@${orders}`,
    `orders=sha256:${hash}`,
    `or ders=sha256:${hash}@${orders}`,
    `=sha256:${hash}@${orders}`,
    `orders=sha256:${hash.slice(0, 42)}B@${orders}`,
  ])('refuses an entry of another shape, without repeating it: %s', (given) => {
    const problems = problemsOf({ JWT_AUDIENCES: orders, INTROSPECTION_CLIENTS: given });
    expect(problems[0]).toMatch(/^INTROSPECTION_CLIENTS entry 1 must be <id>=sha256:<hash>@<audience>/);
    expect(problems.join()).not.toContain(hash.slice(0, 20));
  });

  it('refuses an id twice, and an audience that nobody can ask a token for', () => {
    const twice = [entry('orders', orders), entry('orders', 'itsor-clients')].join();
    expect(problemsOf({ JWT_AUDIENCES: orders, INTROSPECTION_CLIENTS: twice })).toEqual([
      'INTROSPECTION_CLIENTS must not have two entries of one id',
    ]);
    expect(problemsOf({ INTROSPECTION_CLIENTS: entry('orders', orders) })).toEqual([
      'INTROSPECTION_CLIENTS entry 1 names an audience that is neither JWT_AUDIENCE nor one of JWT_AUDIENCES',
    ]);
  });
});

describe('npm run introspection:client', () => {
  const run = (...args: string[]) =>
    spawnSync(process.execPath, ['scripts/introspection-client.ts', ...args], { encoding: 'utf8' });

  it('makes 32 random bytes, and the entry that knows them by their hash', () => {
    const { stdout } = run('--id', 'orders', '--audience', orders);
    const secret = /client_secret=([A-Za-z0-9_-]{43})\n/.exec(stdout)?.[1] ?? '';
    const made = /^ {2}(orders=\S+)$/m.exec(stdout)?.[1];
    expect(made).toBe(`orders=sha256:${createHash('sha256').update(secret).digest('base64url')}@${orders}`);
    const env = { JWT_AUDIENCES: orders, INTROSPECTION_CLIENTS: made };
    expect(configOf(env).services.introspectionClients).toHaveLength(1);
    expect(stdout).not.toBe(run('--id', 'orders', '--audience', orders).stdout);
  });

  it('refuses an id or an audience that no entry can hold', () => {
    for (const args of [[], ['--id', 'a b', '--audience', orders], ['--id', 'a', '--audience', 'x,y']]) {
      const { status, stdout } = run(...args);
      expect([status, stdout]).toEqual([1, '']);
    }
  });
});
