/** Waits for places, one line for each key. Who is woken passes it on, so that nobody else wakes up in vain. */
export class WaitingLines {
  readonly #lines = new Map<string, (() => void)[]>();

  /** @returns false where the time was over before it was this one's turn */
  async wait(key: string, forMs: number, isFirst: boolean): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const wake = () => resolve(true);
    const timer = setTimeout(() => resolve(false), forMs);
    const line = this.#lines.get(key) ?? [];
    this.#lines.set(key, isFirst ? [wake, ...line] : [...line, wake]);
    const isWoken = await promise;
    clearTimeout(timer);
    this.#leave(key, wake);
    return isWoken;
  }

  /** Wakes the first in the line. */
  wake(key: string): void {
    const first = this.#lines.get(key)?.[0];
    if (!first) return;
    this.#leave(key, first);
    first();
  }

  #leave(key: string, wake: () => void): void {
    const rest = (this.#lines.get(key) ?? []).filter((each) => each !== wake);
    if (rest.length === 0) this.#lines.delete(key);
    else this.#lines.set(key, rest);
  }
}
