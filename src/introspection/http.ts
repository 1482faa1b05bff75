import type * as z from 'zod';
import { AppError } from '../platform/errors.ts';
import { basicCredentials, type ClientCredentials, isBasic } from './rules.ts';
import type { IntrospectForm, IntrospectionResponse } from './schema.ts';
import type { Introspected } from './service.ts';

const twoMechanisms = {
  errors: [
    {
      pointer: '/client_secret',
      code: 'invalid',
      detail: 'must be absent where the Authorization header has the credentials',
    },
  ],
};

/**
 * The credentials that a client shows, in the header or in the form; null where there are none.
 * @throws AppError `validation_failed` where there are both (RFC 6749 section 2.3)
 */
export const presentedClient = (
  header: string | undefined,
  { client_id: id, client_secret: secret }: z.output<typeof IntrospectForm>,
): ClientCredentials | null => {
  if (!isBasic(header)) return id === undefined || secret === undefined ? null : { id, secret };
  if (secret !== undefined) throw new AppError('validation_failed', twoMechanisms);
  return basicCredentials(header);
};

/** The seconds of a NumericDate (RFC 7519 section 2). */
const numericDate = (instant: Date): number => Math.floor(instant.getTime() / 1000);

/** What a service learns of a token: of an account no more than it needs, and no address that nobody has proved. */
export const introspectionResponse = (found: Introspected | null): z.input<typeof IntrospectionResponse> => {
  if (found === null) return { active: false };
  const { account, claims, token, permissions, audience, issuer } = found;
  return {
    active: true,
    sub: account.id,
    sid: claims.sessionId,
    ...(account.username !== null && { username: account.username }),
    ...(account.emailVerified && { email: account.email }),
    roles: [...account.roles],
    permissions: [...permissions],
    aud: audience,
    iss: issuer,
    iat: numericDate(token.issuedAt),
    exp: numericDate(token.expiresAt),
    jti: token.id,
    token_type: 'Bearer',
  };
};
