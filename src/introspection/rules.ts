import type { Account } from '../accounts/rules/account.ts';

/** What an account may do now. One that has to choose another password may do nothing until then. */
export const permissionsInForce = ({
  permissions,
  mustChangePassword,
}: Pick<Account, 'permissions' | 'mustChangePassword'>): readonly string[] =>
  mustChangePassword ? [] : permissions;

/** What a client shows of itself (RFC 6749 section 2.3.1). */
export type ClientCredentials = { readonly id: string; readonly secret: string };

/** The id and the secret stand in the header as in a form: percent-encoded, with `+` for a blank. */
const formDecode = (text: string): string => decodeURIComponent(text.replaceAll('+', ' '));

/** Whether a header of `Authorization` is of the scheme Basic, well-formed or not. */
export const isBasic = (header: string | undefined): header is string => /^Basic(?: |$)/i.test(header ?? '');

/** The credentials of a header of the scheme Basic (RFC 7617 section 2); null for one that is not well-formed. */
export const basicCredentials = (header: string): ClientCredentials | null => {
  const [, encoded] = /^Basic +([A-Za-z0-9+/]+={0,2}) *$/i.exec(header) ?? [];
  if (encoded === undefined) return null;
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false }).decode(
      Uint8Array.fromBase64(encoded),
    );
    const at = text.indexOf(':');
    return at < 0 ? null : { id: formDecode(text.slice(0, at)), secret: formDecode(text.slice(at + 1)) };
  } catch {
    return null;
  }
};
