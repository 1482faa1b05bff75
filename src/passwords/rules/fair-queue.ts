import type { HashLane, HashPurpose } from './hash-lane.ts';

type Kind = 'login' | 'other';

export type Place = HashLane & {
  readonly kind: Kind;
  readonly sinceMs: number;
  readonly number: number;
  /** Other work waits its turn like a hash, but its time is no measure of a hash. */
  readonly isHash: boolean;
  /** The last three times that its request looked whether its turn had come, by the queue's count of looks. */
  looks: readonly [number, number, number];
  lookedAtMs: number;
  servedSeen: number;
};

/** A network may always have this many waiting, and an account has at most this many behind its session. */
const smallShare = 4;
/**
 * Beyond that a network may have twice as many waiting as places are left (dynamic thresholds, Choudhury and Hahne
 * 1998).
 */
const freeFactor = 2;
/** Places that only a login may take. */
const loginReserve = 0.25;
/** A request looks after every hash; one that has not looked for this long was cancelled. */
const goneAfterMs = 1000;
/** The steps in front of a hash take at most this long, even on a slow machine. */
const expectedForMs = 2000;
const rememberedTurns = 1000;
/** The longest estimate of a hash, even where other work kept the thread. */
const longestHashMs = 500;
/** After a hash for other work the thread rests this many times as long, and is free for the steps of logins. */
const restFactor = 2;
/** For this long after a login another one is expected. */
const loginLingersMs = 10_000;
/** The shortest of this many hashes tells how long one takes, because other work on the thread only lengthens them. */
const measuredHashes = 8;

const networkKey = ({ kind, network }: Place): string => `${kind}|${network}`;
const accountKey = (place: Place): string => `${networkKey(place)}|${place.account}`;
const kindOf = (purpose: HashPurpose): Kind => (purpose === 'login' ? 'login' : 'other');

type Expected = HashLane & { readonly kind: Kind; readonly sinceMs: number };

type FairQueueOptions = {
  readonly capacity: number;
  /** At most as many wait as the pace of the latest hashes serves in this time. */
  readonly longestWaitMs: number;
};

/**
 * Decides which request is next: logins and other work alternate; among them the network that was served longest ago
 * comes first, then its account that was served longest ago, then the oldest request. Each request looks at this
 * plain state itself, because another request that had to call it could have been cancelled.
 */
export const createFairQueue = ({ capacity, longestWaitMs }: FairQueueOptions) => {
  const waiting = new Set<Place>();
  /** Requests behind a session that have been let in and have not come to their hash yet: they count as waiting. */
  const expected = new Set<Expected>();
  const lastTurns = new Map<string, number>();
  const next = new Map<Kind, Place | null>();
  const turn = { startedMs: Number.NEGATIVE_INFINITY, isMeasured: true, isHash: true };
  let tookMs: readonly number[] = [];
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

  const count = (isOne: (place: Expected) => boolean): number => {
    let found = 0;
    for (const place of waiting) if (isOne(place)) found++;
    for (const place of expected) if (isOne(place)) found++;
    return found;
  };

  const expect = (lane: HashLane, nowMs: number): Expected => {
    const one = { ...lane, kind: kindOf(lane.purpose), sinceMs: nowMs };
    expected.add(one);
    return one;
  };

  /** @returns whether the request was expected, and so has its room already */
  const meet = ({ purpose, network, account }: HashLane): boolean => {
    for (const one of expected) {
      if (one.purpose === purpose && one.network === network && one.account === account)
        return expected.delete(one);
    }
    return false;
  };

  /** A login may have to let one other hash go first; other work may have to wait for a rest. */
  const inTime = (kind: Kind, nowMs: number): number => {
    const others = kind === 'login' ? 1 : rests(nowMs) ? restFactor : 0;
    return Math.max(smallShare, Math.floor(longestWaitMs / ((1 + others) * hashMs())));
  };

  const hasRoomFor = ({ purpose, network, account }: HashLane, nowMs: number): boolean => {
    const kind = kindOf(purpose);
    const left = capacity - waiting.size - expected.size;
    const ofKind = count((place) => place.kind === kind);
    const most = Math.min(
      kind === 'login' ? capacity : Math.ceil(capacity * (1 - loginReserve)),
      inTime(kind, nowMs),
    );
    const free = Math.min(left, most - ofKind);
    const ofNetwork = count((place) => place.kind === kind && place.network === network);
    const ofAccount =
      purpose === 'session'
        ? count(
            (place) => place.purpose === purpose && place.network === network && place.account === account,
          )
        : 0;
    return free > 0 && ofNetwork < Math.max(smallShare, freeFactor * free) && ofAccount < smallShare;
  };

  /** Frees the places of cancelled requests. A request that is still there takes its place again at its next look. */
  const forgetGone = (nowMs: number): void => {
    for (const place of waiting) if (nowMs - place.lookedAtMs > goneAfterMs) leave(place);
    for (const one of expected) if (nowMs - one.sinceMs > expectedForMs) expected.delete(one);
  };

  const isBefore = (one: Place, other: Place): boolean => {
    const lastTurn = (key: string) => lastTurns.get(key) ?? 0;
    const byNetwork = lastTurn(networkKey(one)) - lastTurn(networkKey(other));
    if (byNetwork !== 0) return byNetwork < 0;
    const byAccount = lastTurn(accountKey(one)) - lastTurn(accountKey(other));
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

  const hashMs = (): number => (tookMs.length === 0 ? 0 : Math.min(...tookMs));

  const rests = (nowMs: number): boolean => nowMs - loginSeenMs <= loginLingersMs;

  const restMs = (nowMs: number): number => (rests(nowMs) ? Math.max(0, restUntilMs - nowMs) : 0);

  const choose = (nowMs: number): Place | null => {
    const login = firstOf('login');
    const other = restMs(nowMs) > 0 ? null : firstOf('other');
    return lastKind === 'login' ? (other ?? login) : (login ?? other);
  };

  /** Measures the last turn once, at the first look after it. The clock stands still while a turn runs. */
  const measure = (nowMs: number): void => {
    if (turn.isMeasured || nowMs <= turn.startedMs) return;
    turn.isMeasured = true;
    if (turn.isHash)
      tookMs = [...tookMs, Math.min(nowMs - turn.startedMs, longestHashMs)].slice(-measuredHashes);
    if (lastKind === 'other') restUntilMs = nowMs + restFactor * hashMs();
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
    Object.assign(turn, { startedMs: nowMs, isMeasured: false, isHash: place.isHash });
    if (place.kind === 'other') restUntilMs = nowMs + (1 + restFactor) * hashMs();
  };

  return {
    /** How many requests wait, as far as is known. */
    length: (): number => waiting.size,

    /**
     * Decides at once and by numbers alone. Behind a session it keeps a place for the hash that is to come; otherwise
     * all requests of one moment would be let in, and refused late.
     * @returns a function that gives the place back if no hash comes; null where there is no room
     */
    keepRoomFor: (lane: HashLane, nowMs: number): (() => void) | null => {
      forgetGone(nowMs);
      if (lane.purpose === 'login') loginSeenMs = nowMs;
      if (!hasRoomFor(lane, nowMs)) return null;
      if (lane.purpose !== 'session') return () => {};
      const one = expect(lane, nowMs);
      return () => void expected.delete(one);
    },

    /** @returns null where there is no room */
    enter: (lane: HashLane, nowMs: number, isHash = true): Place | null => {
      forgetGone(nowMs);
      if (!meet(lane) && !hasRoomFor(lane, nowMs)) return null;
      const place: Place = {
        ...lane,
        kind: kindOf(lane.purpose),
        sinceMs: nowMs,
        number: ++entered,
        isHash,
        looks: [-1, -1, looks],
        lookedAtMs: nowMs,
        servedSeen: served,
      };
      add(place);
      return place;
    },

    leave,

    /**
     * Looks, in an event of the place's own request, whether its turn has come; then it leaves the queue and has to
     * begin at once. No turn comes in the event after a hash, so that answers go out and new requests are read first.
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
        // A request that has not looked while another one looked twice is gone.
        if (chosen === null || chosen.looks[2] >= place.looks[0]) return false;
        leave(chosen);
      }
      serve(place, nowMs);
      return true;
    },

    /** Call this when the turn that began last is done. */
    measure,

    /**
     * For how long its turn certainly does not come, in milliseconds. While people log in, the thread rests after a
     * hash for other work: a login has steps before and after its hash, and each of them would wait for one more.
     */
    restMs: ({ kind }: Place, nowMs: number): number => (kind === 'login' ? 0 : restMs(nowMs)),
  };
};
