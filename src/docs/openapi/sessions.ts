import { PageQuery } from '../../platform/schema/page.ts';
import { SessionList, SessionParams } from '../../sessions/schema/sessions.ts';
import {
  LoginBody,
  LogoutQuery,
  RefreshBody,
  RevokeForm,
  TokenForm,
  TokenResponse,
} from '../../sessions/schema/tokens.ts';
import { ProviderParams, SignOnAnswerQuery, StartSignOnQuery } from '../../sso/schema.ts';
import type { Operation } from './operation.ts';

export const sessions = {
  'POST /auth/token': {
    summary: 'Log in with a password, or refresh as an OAuth 2 client',
    tag: 'sessions',
    auth: 'none',
    json: LoginBody,
    form: TokenForm,
    response: { status: 200, description: 'Tokens; cookies are set', schema: TokenResponse },
    errors: [
      'invalid_credentials',
      'account_disabled',
      'refresh_token_invalid',
      'refresh_token_reused',
      'session_revoked',
      'validation_failed',
      'login_locked',
      'overloaded',
    ],
  },
  'POST /auth/refresh': {
    summary: 'Exchange the refresh token, from its cookie or the body, for its successor',
    tag: 'sessions',
    auth: 'optional',
    json: RefreshBody,
    response: { status: 200, description: 'Tokens; cookies are set', schema: TokenResponse },
    errors: [
      'duplicate_cookie',
      'refresh_token_invalid',
      'refresh_token_reused',
      'session_revoked',
      'account_disabled',
      'validation_failed',
    ],
  },
  'POST /auth/logout': {
    summary:
      'End this session, the other ones, or all; the others only by a live session, else 401 and nothing is done',
    tag: 'sessions',
    auth: 'optional',
    query: LogoutQuery,
    response: {
      status: 204,
      description: 'Ended, or there was none; cookies are cleared unless only the others ended',
    },
    errors: [
      'duplicate_cookie',
      'unauthenticated',
      'token_expired',
      'session_revoked',
      'refresh_token_invalid',
      'validation_failed',
    ],
  },
  'POST /auth/revoke': {
    summary: 'Revoke a token (RFC 7009)',
    tag: 'sessions',
    auth: 'none',
    form: RevokeForm,
    response: { status: 200, description: 'The token serves no longer, whatever it was' },
    errors: ['validation_failed'],
  },
  'GET /auth/oauth/{provider}': {
    summary: 'Log in by a provider, or sign up: sends the browser there',
    tag: 'sessions',
    auth: 'none',
    params: ProviderParams,
    query: StartSignOnQuery,
    response: { status: 302, description: 'To the provider; a cookie keeps the attempt for ten minutes' },
    errors: ['not_found', 'validation_failed'],
  },
  'GET /auth/oauth/{provider}/callback': {
    summary: 'Where the provider sends the browser back to',
    tag: 'sessions',
    auth: 'none',
    params: ProviderParams,
    query: SignOnAnswerQuery,
    response: {
      status: 303,
      orStatus: 200,
      description: 'Logged in; cookies are set. A page that goes on where they are SameSite=Strict',
    },
    errors: [
      'duplicate_cookie',
      'oauth_failed',
      'account_disabled',
      'email_not_verified',
      'not_found',
      'email_taken',
      'conflict',
      'validation_failed',
    ],
  },
  'GET /auth/sessions': {
    summary: "One's live sessions, newest first",
    tag: 'sessions',
    auth: 'required',
    query: PageQuery,
    response: { status: 200, description: 'A page of sessions', schema: SessionList },
    errors: ['account_disabled', 'validation_failed'],
  },
  'DELETE /auth/sessions/{id}': {
    summary: "End one of one's sessions",
    tag: 'sessions',
    auth: 'required',
    params: SessionParams,
    response: { status: 204, description: 'Ended' },
    errors: ['account_disabled', 'not_found', 'validation_failed'],
  },
} as const satisfies Record<string, Operation>;
