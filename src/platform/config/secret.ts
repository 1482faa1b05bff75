const redacted = '[redacted]';

/**
 * A value that must not be printed. Logs, errors, JSON and string templates show `[redacted]`;
 * only `reveal()` gives the value, so that every use of a secret can be found by that name.
 */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return redacted;
  }

  toJSON(): string {
    return redacted;
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return redacted;
  }
}
