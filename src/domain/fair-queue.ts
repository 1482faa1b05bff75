import type { HashLane, HashPurpose } from './hash-lane.ts';

type Kind = 'login' | 'other';

export type Place = HashLane & {
  readonly kind: Kind;
  readonly sinceMs: number;
  readonly number: number;
  /** When its request looked whether it is its turn: the last three looks, by the queue's count and by the clock. */
  looks: readonly [number, number, number];
  lookedAtMs: number;
  servedSeen: number;
};

/** A network may have this many waiting, however full the queue is, and an account no more behind its session. */
const smallShare = 4;
/** Beyond that a network may have twice as many waiting as places are left (dynamic thresholds, Choudhury and Hahne 1998). */
const freeFactor = 2;
/** Places that only a login may take. */
const loginReserve = 0.25;
/** A request looks after every hash; one that has not looked for so long was cancelled. */
const goneAfterMs = 1000;
const rememberedTurns = 1000;
/** An estimate is no longer than that, whatever kept the clock. */
const longestHashMs = 500;
/** As long as a login may still have steps in front of it. */
const loginLingersMs = 1000;

const networkKey = ({ kind, network }: Place): string => `${kind}|${network}`;
const accountKey = (place: Place): string => `${networkKey(place)}|${place.account}`;
const kindOf = (purpose: HashPurpose): Kind => (purpose === 'login' ? 'login' : 'other');

export type FairQueue = ReturnType<typeof createFairQueue>;

/**
 * Decides who of those that wait is next: logins and everything else in turn, then the network that was served longest
 * ago, then its account that was, then who came first. It is plain state that each request looks at for itself: no request
 * ever waits to be called by another, which may have been cancelled.
 */
export const createFairQueue = ({ capacity }: { readonly capacity: number }) => {
  const waiting = new Set<Place>();
  const lastTurns = new Map<string, number>();
  const next = new Map<Kind, Place | null>();
  const hash = { startedMs: Number.NEGATIVE_INFINITY, isMeasured: true, lastMs: 0 };
  let entered = 0;
  let looks = 0;
  let served = 0;
  let lastKind: Kind = 'other';
  let restUntilMs = Number.NEGATIVE_INFINITY;
  let loginSeenMs = Number.NEGATIVE_INFINITY;

  const add = (place: Place): void => {
    waiting.add(place);
    next.clear();
  };

  const leave = (place: Place): void => {
    waiting.delete(place);
    next.clear();
  };

  const count = (isOne: (place: Place) => boolean): number => {
    let found = 0;
    for (const place of waiting) if (isOne(place)) found++;
    return found;
  };

  const hasRoomFor = ({ purpose, network, account }: HashLane): boolean => {
    const kind = kindOf(purpose);
    const left = capacity - waiting.size;
    const others = count((place) => place.kind === 'other');
    const free = kind === 'login' ? left : Math.min(left, Math.ceil(capacity * (1 - loginReserve)) - others);
    const ofNetwork = count((place) => place.kind === kind && place.network === network);
    const ofAccount =
      purpose === 'session'
        ? count(
            (place) => place.purpose === purpose && place.network === network && place.account === account,
          )
        : 0;
    return free > 0 && ofNetwork < Math.max(smallShare, freeFactor * free) && ofAccount < smallShare;
  };

  /** Gives back the places of cancelled requests. A request that is still there takes its place again at its next look. */
  const forgetGone = (nowMs: number): void => {
    for (const place of waiting) if (nowMs - place.lookedAtMs > goneAfterMs) leave(place);
  };

  const isBefore = (one: Place, other: Place): boolean => {
    const turn = (key: string) => lastTurns.get(key) ?? 0;
    const byNetwork = turn(networkKey(one)) - turn(networkKey(other));
    if (byNetwork !== 0) return byNetwork < 0;
    const byAccount = turn(accountKey(one)) - turn(accountKey(other));
    return byAccount === 0 ? one.number < other.number : byAccount < 0;
  };

  const firstOf = (kind: Kind): Place | null => {
    const known = next.get(kind);
    if (known !== undefined) return known;
    let first: Place | null = null;
    for (const place of waiting) {
      if (place.kind === kind && (first === null || isBefore(place, first))) first = place;
    }
    next.set(kind, first);
    return first;
  };

  const restMs = (nowMs: number): number =>
    nowMs - loginSeenMs > loginLingersMs ? 0 : Math.max(0, restUntilMs - nowMs);

  const choose = (nowMs: number): Place | null => {
    const login = firstOf('login');
    const other = restMs(nowMs) > 0 ? null : firstOf('other');
    return lastKind === 'login' ? (other ?? login) : (login ?? other);
  };

  /** Tells how long the last hash took, once: from the first look after it. The clock stands still while it runs. */
  const measure = (nowMs: number): void => {
    if (hash.isMeasured || nowMs <= hash.startedMs) return;
    hash.isMeasured = true;
    hash.lastMs = Math.min(nowMs - hash.startedMs, longestHashMs);
    if (lastKind === 'other') restUntilMs = hash.startedMs + 2 * hash.lastMs;
  };

  const remember = (key: string): void => {
    lastTurns.delete(key);
    lastTurns.set(key, served);
    const oldest = lastTurns.keys().next().value;
    if (lastTurns.size > rememberedTurns && oldest !== undefined) lastTurns.delete(oldest);
  };

  const serve = (place: Place, nowMs: number): void => {
    served += 1;
    leave(place);
    remember(networkKey(place));
    remember(accountKey(place));
    lastKind = place.kind;
    Object.assign(hash, { startedMs: nowMs, isMeasured: false });
    if (place.kind === 'other') restUntilMs = nowMs + 2 * hash.lastMs;
  };

  return {
    /** How many wait, as far as is known. */
    length: (): number => waiting.size,

    /** Decides at once and by numbers alone: a refusal waits for nothing. */
    hasRoomFor: (lane: HashLane, nowMs: number): boolean => {
      forgetGone(nowMs);
      if (lane.purpose === 'login') loginSeenMs = nowMs;
      return hasRoomFor(lane);
    },

    /** @returns null where there is no room */
    enter: (lane: HashLane, nowMs: number): Place | null => {
      forgetGone(nowMs);
      if (!hasRoomFor(lane)) return null;
      const place: Place = {
        ...lane,
        kind: kindOf(lane.purpose),
        sinceMs: nowMs,
        number: ++entered,
        looks: [-1, -1, looks],
        lookedAtMs: nowMs,
        servedSeen: served,
      };
      add(place);
      return place;
    },

    leave,

    /**
     * Looks, in an event of the place's own request, whether it is its turn; if so, it is out and has to begin at once.
     * Never in the event after a hash: answers go out first, and new requests are read.
     */
    isItsTurn: (place: Place, nowMs: number): boolean => {
      place.looks = [place.looks[1], place.looks[2], ++looks];
      place.lookedAtMs = nowMs;
      if (!waiting.has(place)) add(place);
      measure(nowMs);
      if (place.servedSeen !== served) {
        place.servedSeen = served;
        return false;
      }
      for (let chosen = choose(nowMs); chosen !== place; chosen = choose(nowMs)) {
        // Who has not looked while another one has twice is not there any more.
        if (chosen === null || chosen.looks[2] >= place.looks[0]) return false;
        leave(chosen);
      }
      serve(place, nowMs);
      return true;
    },

    /** Tells that the hash which began last is done. */
    measure,

    /**
     * How long it is certain that it is not its turn. While somebody logs in, the thread rests after a hash that is no
     * login for as long as that one took: a login has steps before and after its hash, and each would wait for another one.
     */
    restMs: ({ kind }: Place, nowMs: number): number => (kind === 'login' ? 0 : restMs(nowMs)),
  };
};
