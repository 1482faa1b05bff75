import { afterEach, describe, expect, it, vi } from 'vitest';
import { type Answer, expectStatus } from '../../scripts/drills/client.ts';
import { CliError } from '../../scripts/program/cli.ts';
import { type BurstAnswer, burstFaults } from '../support/node/burst.ts';
import { expectSoon, parseSamples } from '../support/node/drill.ts';

afterEach(() => vi.restoreAllMocks());

describe('the burst of logins', () => {
  const login = (ms: number): BurstAnswer => ({ status: 200, code: null, retryAfter: null, ms });
  const refusal = (ms: number): BurstAnswer => ({ status: 503, code: 'overloaded', retryAfter: '3', ms });
  const logins = Array.from({ length: 10 }, (_, at) => login(100 * at));
  const refusals = Array.from({ length: 5 }, () => refusal(50));

  it('is found right where the queue is full, and the others are sent away at once', () => {
    expect(burstFaults([...logins, ...refusals], 10)).toEqual([]);
  });

  it.each<[string, BurstAnswer[], string]>([
    ['no login is refused', logins, 'no login was refused'],
    ['the queue is shorter', [...logins.slice(1), ...refusals], '9 were let in, and not the 10 of the queue'],
    [
      'a good password is wrong',
      [...logins, ...refusals, { ...login(1), status: 401, code: 'invalid_credentials' }],
      '401 invalid_credentials among the answers',
    ],
    [
      'one hangs',
      [...logins, ...refusals, { ...login(9), status: 504, code: 'timeout' }],
      '504 timeout among the answers',
    ],
    [
      'the refusal is another one',
      [...logins, ...refusals, { ...refusal(1), code: 'service_unavailable' }],
      '503 service_unavailable among the answers',
    ],
    [
      'a refusal is without Retry-After',
      [...logins, ...refusals, { ...refusal(1), retryAfter: null }],
      '1 were refused without Retry-After',
    ],
    [
      'refusals wait in the queue',
      [...logins, ...refusals, refusal(550)],
      'refusals waited until 4 logins were left',
    ],
  ])('is found wrong where %s', (_, answers, fault) => {
    expect(burstFaults(answers, 10)).toEqual([fault]);
  });
});

describe('a step', () => {
  const answer: Answer = {
    status: 401,
    code: 'invalid_credentials',
    body: { detail: 'The account or the password is wrong.' },
    text: '',
    headers: new Headers(),
  };

  it('passes with a status, or with a status and a code', () => {
    const said = vi.spyOn(console, 'log').mockReturnValue();
    expectStatus('a guess', answer, 401);
    expectStatus('a guess', answer, 200, '401 invalid_credentials');
    expect(said.mock.calls).toEqual([['✓ a guess'], ['✓ a guess']]);
  });

  it('fails in one sentence with another status or code', () => {
    const said = vi.spyOn(console, 'log');
    for (const wanted of [429, '401 session_revoked'] as const)
      expect(() => expectStatus('a guess', answer, wanted)).toThrow(
        new CliError(
          `✗ a guess: 401 (invalid_credentials: The account or the password is wrong.), and not ${wanted}`,
        ),
      );
    expect(said).not.toHaveBeenCalled();
  });

  it('waits for a number, and fails with the one that it stays at', async () => {
    vi.spyOn(console, 'log').mockReturnValue();
    let count = 0;
    await expectSoon('three', { count: 3 }, async () => ({ count: count++ }));
    const wrong = expectSoon('three', { count: 3 }, async () => ({ count: 4 }), 300);
    await expect(wrong).rejects.toThrow(new CliError('✗ three: {"count":4}, and not {"count":3}'));
  });
});

it('reads the samples of /metrics, with and without labels, and no comment', () => {
  const text = '# HELP a_total 5\na_total{code="x y",by="z"} 3\nb_count 0.25\n';
  expect([...parseSamples(text)]).toEqual([
    ['a_total{code="x y",by="z"}', 3],
    ['b_count', 0.25],
  ]);
});
