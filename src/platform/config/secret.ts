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

/** The secrets of local environments where none are set. */
export const localSecrets = { jwt: 'dev-secret-change-me', sessions: 'dev-session-key-change-me' } as const;

const minSecretBytes = 32;

export const secretHint = 'set at least 32 random bytes, such as the output of: openssl rand -base64 32';

const simplified = (text: string): string => text.toLowerCase().replace(/[^a-z0-9]/g, '');

/** Secrets that anybody can look up: the examples of widely read manuals and starter kits. */
const published: ReadonlySet<string> = new Set(
  [
    ...[
      'secret',
      'password',
      'jwt_secret',
      'secret-key',
      'supersecret',
      'topsecret',
      'shhhhh',
      'keyboard cat',
    ],
    // jwt.io, formerly and now
    ...['your-256-bit-secret', 'your-384-bit-secret', 'your-512-bit-secret'],
    ...['a-string-secret-at-least-256-bits-long', 'a-string-secret-at-least-512-bits-long'],
    'a-valid-string-secret-that-is-at-least-512-bits-long-which-is-very-long',
    // the security tutorial of FastAPI, the quick start of Flask, Supabase
    '09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7',
    '192b9bdd22ab9ed4d12e236c78afcb9a393ec15f71bbf5dc987d54727823bcbf',
    'your-super-secret-jwt-token-with-at-least-32-characters-long',
    // RFC 7515 appendix A.1
    'AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow',
  ].map(simplified),
);

const placeholder =
  /change(this|me|it)|replace(this|me|it|with)|your(own|very|super|jwt|app|long|random)*(secret|key)|placeholder|insecure/;

/** Repetitions (abcabcabc…) and runs (abcdef…, 987654…); a random value has neither. */
const hasPattern = (text: string): boolean => {
  const units = [...text];
  if (new Set(units).size < 6) return true;

  const repeats = (period: number) => units.every((unit, at) => at < period || unit === units[at - period]);
  for (let period = 1; period <= units.length / 2; period++) if (repeats(period)) return true;

  const codes = units.map((unit) => unit.codePointAt(0) ?? 0);
  const steps = codes.slice(1).map((code, at) => code - (codes[at] ?? 0));
  return [-1, 1].some((step) => steps.filter((each) => each === step).length > steps.length * 0.7);
};

export const byteLength = (secret: Secret): number => new TextEncoder().encode(secret.reveal()).length;

/** Says why a secret is too weak for a strict environment; undefined where it is strong enough. */
export const weaknessOf = (secret: Secret): string | undefined => {
  const given = secret.reveal();
  if (Object.values<string>(localSecrets).includes(given)) return 'is the default of local environments';
  if (published.has(simplified(given)) || placeholder.test(simplified(given)))
    return 'is a published example or a placeholder';
  if (byteLength(secret) < minSecretBytes) return `is shorter than ${minSecretBytes} bytes`;
  return hasPattern(given) ? 'is a simple pattern' : undefined;
};
