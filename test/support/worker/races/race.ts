import { cookiesOf } from '../client.ts';
import type { Provider } from '../identity-provider.ts';
import type { RaceAccount } from './account.ts';
import { type Fact, type Flow, type FlowName, flows } from './flows.ts';
import { type Held, holdRows } from './held-rows.ts';

/** What became of one flow of a race. */
export type Turn = {
  readonly flow: Flow;
  readonly name: FlowName;
  /** `done`, or the code of the problem; a status where there is neither. */
  readonly outcome: string;
  /** The access token that it answered with. */
  readonly bearer: string | null;
};

const turnOf = async (name: FlowName, response: Response): Promise<Turn> => {
  const flow: Flow = flows[name];
  const body = await response.json<Record<string, unknown>>().catch(() => ({}) as Record<string, unknown>);
  const isDone = response.ok || response.status === 303;
  const bearer = body.access_token ?? cookiesOf(response).get('itsor_session')?.value;
  return {
    name,
    flow,
    outcome: isDone ? 'done' : String(body.code ?? response.status),
    bearer: isDone && typeof bearer === 'string' ? bearer : null,
  };
};

/** Holds the rows, sends the first, sends the second once the first waits, and releases the rows once both wait. */
export const race = async (
  setting: { readonly account: RaceAccount; readonly admin: string; readonly provider: Provider },
  names: readonly [FlowName, FlowName],
  held: Held,
): Promise<readonly [Turn, Turn]> => {
  const prepared = [];
  for (const [slot, name] of names.entries()) {
    const flow: Flow = flows[name];
    prepared.push(await flow.prepare(setting, slot));
  }
  const hold = await holdRows(setting.account.id, held);
  const responses: Promise<Response>[] = [];
  let stuck = 0;
  for (const send of prepared) {
    const response = send();
    responses.push(response);
    const isStuck = await Promise.race([
      hold.untilWaiting(stuck + 1).then(() => true),
      response.then(() => false),
    ]);
    if (isStuck) stuck++;
  }
  await hold.release();
  const [first, second] = await Promise.all(responses);
  if (!first || !second) throw new Error('a race is between two');
  return [await turnOf(names[0], first), await turnOf(names[1], second)];
};

const shares = (some: readonly Fact[], others: readonly Fact[]): boolean =>
  some.some((fact) => others.includes(fact));

/** Whether one that is done leaves the other one nothing to do. */
export const hits = (by: Flow, other: Flow): boolean => shares(by.ends, other.needs);

/** The same, with what depends on rules of others. */
export const mayHit = (by: Flow, other: Flow): boolean =>
  shares([...by.ends, ...(by.mayEnd ?? [])], other.needs);

/** Whether no order of the two lets both be done. */
export const excludeEachOther = (one: Flow, other: Flow): boolean =>
  hits(one, other) && hits(other, one) && !(one === other && one.mayRepeat);
