import { describe, expect, it } from 'vitest';
import { unstable_readConfig as readConfig } from 'wrangler';
import { loadConfig } from '../../src/platform/config/load.ts';

describe.each([
  ['without an environment', undefined],
  ['staging', 'staging'],
  ['production', 'production'],
])('wrangler.toml, %s', (_, env) => {
  const config = readConfig({ config: 'wrangler.toml', env: env ?? '' }, { hideWarnings: true });

  it('is strict, and refuses to start with the secrets of local work', () => {
    const loaded = loadConfig(config.vars);
    if (loaded.ok) throw new Error('it starts without a secret of its own');
    expect(loaded.strict).toBe(true);
    const wrong = loaded.problems.map(({ variable }) => variable);
    expect(wrong).toEqual(expect.arrayContaining(['JWT_SECRET', 'SECRET_KEY', 'DATABASE_URL']));
  });

  it('has no URL of a request recorded, whose query can hold a token, a code or a signature', () => {
    expect(config.observability).toEqual({
      enabled: true,
      redact_query_string: true,
      logs: { enabled: true, invocation_logs: false },
      traces: { enabled: false },
    });
    expect(config.logpush).not.toBe(true);
    expect(config.tail_consumers ?? []).toEqual([]);
  });

  it('answers under no host of workers.dev, which passes by the firewall of the zone', () => {
    expect(config.workers_dev).toBe(false);
    expect(config.preview_urls).toBe(false);
  });
});
