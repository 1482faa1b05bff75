import type { AppError } from '../errors.ts';

type OAuthError = { status: 400; error: 'invalid_grant' | 'invalid_request' | 'unsupported_grant_type' };

/** RFC 6749 section 5.2 has a 400 and a word of its own for these; null leaves a problem as it is. */
export const oauthError = ({ code, errors }: AppError): OAuthError | null => {
  switch (code) {
    case 'invalid_credentials':
    case 'refresh_token_invalid':
    case 'refresh_token_reused':
    case 'session_revoked':
    case 'account_disabled':
    case 'email_not_verified':
      return { status: 400, error: 'invalid_grant' };
    case 'validation_failed':
    case 'malformed_json': {
      const unsupported = errors.some(
        (error) => error.pointer === '/grant_type' && error.code === 'unsupported',
      );
      return { status: 400, error: unsupported ? 'unsupported_grant_type' : 'invalid_request' };
    }
    default:
      return null;
  }
};
