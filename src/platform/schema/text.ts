import * as z from 'zod';
import { canonicalEmail, canonicalName, isAscii, trimmed, typedEmail } from '../rules/typed-text.ts';

/** Text that PostgreSQL can store and JSON can carry: no NUL, no lone surrogate. */
const storable = (text: string): boolean => !text.includes('\0') && text.isWellFormed();

export const text = () =>
  z.string().refine(storable, {
    message: 'must not contain a NUL or half a surrogate pair',
    params: { code: 'not_text' },
  });

/** Text that people paste, such as a token: what stands unseen around it is no part of it. */
export const pasted = () => text().overwrite(trimmed);

const encoder = new TextEncoder();

/** Atoms (RFC 5322 section 3.2.3) at a host name of labels that DNS can have (RFC 1035 section 2.3.4). */
const address = (() => {
  const atom = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+";
  const label = '[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?';
  const topLabel = '[A-Za-z](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])';
  return new RegExp(`^${atom}(?:\\.${atom})*@(?:${label}\\.)+${topLabel}$`);
})();

const localPartOf = (email: string): string => email.slice(0, Math.max(email.lastIndexOf('@'), 0));

/** A character that cannot stand in an address, as a person can see it: an invisible one by its number. */
const shown = (character: string): string =>
  /[\p{L}\p{N}\p{P}\p{S}]/u.test(character)
    ? `“${character}”`
    : `U+${character.codePointAt(0)?.toString(16).toUpperCase().padStart(4, '0')}`;

/** What is too much or missing. */
const emailFlaw = (email: string): string => {
  const [local = '', domain, ...more] = email.split('@');
  if (domain === undefined) return 'the @ is missing';
  if (more.length > 0) return 'there is more than one @';
  if (local === '') return 'the part before the @ is missing';
  if (domain === '') return 'the part after the @ is missing';
  if (/\s/.test(email)) return 'there is a blank or a line end in it';
  const foreign = /[^A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]/u.exec(local) ?? /[^A-Za-z0-9.-]/u.exec(domain);
  if (foreign) return `${shown(foreign[0])} cannot stand in it`;
  if (/^\.|\.\.|\.$|\.@/.test(email) || domain.startsWith('.')) return 'there is a dot too many';
  return domain.includes('.')
    ? 'the part after the @ is no name of a domain'
    : 'the part after the @ needs a dot, as in example.com';
};

const notAscii = (email: string): string => {
  const foreign = /[^\0-\x7f]/u.exec(localPartOf(email))?.[0] ?? '';
  return `only a to z without accents, 0 to 9, and signs such as . _ - + before the @; not ${shown(foreign)}`;
};

const notAnEmail = 'must be an e-mail address';

const emailAs = (canonical: (given: string) => string) =>
  z
    .string(notAnEmail)
    .overwrite(canonical)
    .refine((email) => isAscii(localPartOf(email)), {
      error: ({ input }) => notAscii(String(input)),
      params: { code: 'not_ascii' },
      abort: true,
    })
    .check(z.email({ error: ({ input }) => `${notAnEmail}: ${emailFlaw(String(input))}`, pattern: address }))
    .max(254, 'at most 254 characters')
    // RFC 5321 section 4.5.3.1.1: no mail server takes a longer one, so its owner could never verify it.
    .refine((email) => localPartOf(email).length <= 64, {
      message: 'at most 64 characters before the @',
      params: { code: 'too_long' },
    })
    .meta({ examples: ['ada@example.com'] });

/** An e-mail address that a person gives, in the one spelling of `canonicalEmail`. */
export const Email = emailAs(typedEmail);

/** An address that a program vouches for: a text around it would not be what the program has verified. */
export const ClaimedEmail = emailAs(canonicalEmail);

export const Username = z
  .string()
  .overwrite(canonicalName)
  .min(3, 'at least 3 characters')
  .max(32, 'at most 32 characters')
  .regex(/^[a-z0-9_.-]*$/, 'only a-z, 0-9, "_", "." and "-"')
  .meta({ examples: ['ada'] });

/** A password as typed; the policy is checked where one is set, never where one is compared. */
export const Password = text()
  .min(1, 'must not be empty')
  .refine((password) => encoder.encode(password).byteLength <= 1024, {
    message: 'at most 1024 bytes',
    params: { code: 'too_long' },
  })
  .meta({ format: 'password' });

/** A number of a query: decimal digits alone, where Number() would also take `1e1`, `0x10` and spaces. */
export const digits = <Schema extends z.ZodType>(number: Schema) =>
  z.preprocess((given) => (/^\d+$/.test(String(given)) ? Number(given) : given), number);

/** The id of a row, in the spelling that the database gives it: clients may send it in capitals (RFC 9562 section 4). */
export const Id = z
  .string('must be a UUID')
  .overwrite(canonicalName)
  .check(z.uuid({ error: 'must be a UUID' }));
export const Instant = z.iso.datetime().meta({ examples: ['2026-11-20T10:00:00.000Z'] });
