import type { Scope } from './scope.ts';
import type { Settings } from './settings.ts';

export type PasswordConfig = {
  /** In characters. */
  readonly minLength: number;
  /** Null: a password never grows too old. */
  readonly maxAgeDays: number | null;
  /** Whether new passwords are looked up in the Pwned Passwords. */
  readonly pwnedPasswords: boolean;
  readonly argon2: { readonly memoryKib: number; readonly iterations: number; readonly parallelism: 1 };
};

// The weakest pair that the OWASP Password Storage Cheat Sheet still lists is 7 MiB and 5 passes.
const owaspFloorKib = 7168 * 5;

export const readPassword = (settings: Settings, { strict, warning }: Scope): PasswordConfig => {
  const {
    ARGON2_MEMORY_KIB: memoryKib,
    ARGON2_ITERATIONS: iterations,
    PASSWORD_MAX_AGE_DAYS: maxAgeDays,
  } = settings;
  if (strict && memoryKib * iterations < owaspFloorKib) {
    warning(
      'ARGON2_ITERATIONS',
      'is too low for ARGON2_MEMORY_KIB by the OWASP Password Storage Cheat Sheet',
    );
  }
  return {
    minLength: settings.PASSWORD_MIN_LENGTH,
    maxAgeDays: maxAgeDays === 0 ? null : maxAgeDays,
    pwnedPasswords: settings.PWNED_PASSWORDS,
    argon2: { memoryKib, iterations, parallelism: 1 },
  };
};
