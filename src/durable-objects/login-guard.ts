import { DurableObject } from 'cloudflare:workers';
import type { LoginOutcome, Verdict } from '../domain/login-attempts.ts';
import {
  addressLimits,
  advanceLedger,
  type Entry,
  emptyLedger,
  forgiveLedger,
  identifierLimits,
  isBlankLedger,
  type Ledger,
  type LedgerLimits,
  type LockedBy,
  type LoginPolicy,
  lockOf,
  reserveInLedger,
  settleInLedger,
} from '../domain/login-ledger.ts';

type Bindings = { LOGIN_GUARD: DurableObjectNamespace<LoginGuard> };
type Stored = { readonly ledger: Ledger; readonly limits: LedgerLimits };
export type Refused = { readonly admitted: false; readonly retryAfterMs: number };
export type Reserved = { readonly admitted: true; readonly ticket: string };

/** How long an attempt waits for those in flight, in both objects together; less than its request may last. */
const patienceMs = 8_000;

/**
 * One object per identifier, which counts its pairs and its total, and one per address. The Worker
 * makes one call, to the identifier's object, and that one asks the address's: two hops, one call.
 * Counting never awaits between reading and writing the ledger, so it is atomic in each object.
 */
export class LoginGuard extends DurableObject<Bindings> {
  #stored = this.ctx.storage.kv.get<Stored>('attempts');
  #alarmIsSet = false;
  #change = Promise.withResolvers<void>();

  /** Called by the Worker on an identifier's object. Both objects hold the reservation, or neither. */
  async reserve(address: string, policy: LoginPolicy): Promise<Reserved | Refused> {
    const entry = { ticket: crypto.randomUUID(), pair: address };
    const limits = identifierLimits(policy);
    const deadlineMs = Date.now() + patienceMs;
    const here = await this.#reserve(entry, limits, deadlineMs);
    if (here.kind !== 'admitted') return { admitted: false, retryAfterMs: here.retryAfterMs };

    const there = await this.#addressGuard(address)
      .reserveForAddress(entry.ticket, policy, deadlineMs)
      .catch((error: unknown) => {
        this.#settle(entry, 'withdrawn', limits);
        throw error;
      });
    if (there.kind !== 'admitted') {
      this.#settle(entry, 'withdrawn', limits);
      return { admitted: false, retryAfterMs: there.retryAfterMs };
    }
    // Only now: a locked address that tries many identifiers leaves nothing in their storage.
    this.#save();
    return { admitted: true, ticket: entry.ticket };
  }

  /** @returns the lock that this attempt began, the widest first */
  async settle(
    ticket: string,
    address: string,
    outcome: LoginOutcome,
    policy: LoginPolicy,
  ): Promise<LockedBy | null> {
    const began = this.#settle({ ticket, pair: address }, outcome, identifierLimits(policy));
    this.#save();
    const addressIsLocked = await this.#addressGuard(address).settleForAddress(ticket, outcome, policy);
    if (began === 'total') return 'identifier';
    return addressIsLocked ? 'address' : began;
  }

  /** Forgets the failures of an identifier; those of the addresses that they came from stay. */
  forgive(): void {
    if (this.#stored === undefined) return;
    const { ledger, limits } = this.#stored;
    this.#stored = { ledger: forgiveLedger(ledger, Date.now(), limits), limits };
    this.#announceChange();
    this.#save();
  }

  /** Called by an identifier's object on an address's object, as is `settleForAddress`. */
  async reserveForAddress(ticket: string, policy: LoginPolicy, deadlineMs: number): Promise<Verdict> {
    const verdict = await this.#reserve({ ticket, pair: null }, addressLimits(policy), deadlineMs);
    if (verdict.kind === 'admitted') this.#save();
    return verdict;
  }

  /** @returns whether this attempt locked the address */
  settleForAddress(ticket: string, outcome: LoginOutcome, policy: LoginPolicy): boolean {
    const began = this.#settle({ ticket, pair: null }, outcome, addressLimits(policy));
    this.#save();
    return began !== null;
  }

  override async alarm(): Promise<void> {
    this.#alarmIsSet = false;
    if (this.#stored === undefined) return;
    const { ledger, limits } = this.#stored;
    const nowMs = Date.now();
    this.#stored = { ledger: advanceLedger(ledger, nowMs, limits), limits };
    if (!isBlankLedger(this.#stored.ledger, nowMs)) return this.#save();

    this.#stored = undefined;
    await this.ctx.storage.deleteAll();
  }

  #addressGuard(address: string): DurableObjectStub<LoginGuard> {
    return this.env.LOGIN_GUARD.getByName(`address|${address}`);
  }

  // While attempts in flight hold all places, nobody is refused who might yet be let in: parallel
  // logins with the right password all pass, and of parallel guesses none passes too many.
  async #reserve(entry: Entry, limits: LedgerLimits, deadlineMs: number): Promise<Verdict> {
    let patient = true;
    const timer = setTimeout(() => {
      patient = false;
      this.#announceChange();
    }, deadlineMs - Date.now());
    try {
      for (;;) {
        const before = this.#stored?.ledger ?? emptyLedger;
        const { ledger, verdict } = reserveInLedger(before, entry, Date.now(), limits);
        this.#stored = { ledger, limits };
        if (verdict.kind !== 'full' || !patient) return verdict;
        await this.#change.promise;
      }
    } finally {
      clearTimeout(timer);
    }
  }

  /** @returns the lock that the entry began */
  #settle(entry: Entry, outcome: LoginOutcome, limits: LedgerLimits): 'total' | 'pair' | null {
    const nowMs = Date.now();
    const before = this.#stored?.ledger ?? emptyLedger;
    const ledger = settleInLedger(before, entry, outcome, nowMs, limits);
    this.#stored = { ledger, limits };
    this.#announceChange();
    return lockOf(before, entry, nowMs) === null ? lockOf(ledger, entry, nowMs) : null;
  }

  #announceChange(): void {
    this.#change.resolve();
    this.#change = Promise.withResolvers();
  }

  // Confirmed: the reply waits for the disk (output gate), so no reservation is lost in a crash.
  #save(): void {
    this.ctx.storage.kv.put('attempts', this.#stored);
    if (this.#alarmIsSet || this.#stored === undefined) return;
    const { windowMs, lockMs } = this.#stored.limits.total;
    this.#alarmIsSet = true;
    void this.ctx.storage.setAlarm(Date.now() + Math.max(windowMs, lockMs));
  }
}
