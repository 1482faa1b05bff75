import type * as z from 'zod';
import type { Permission } from '../domain/permissions.ts';
import type { ErrorCode } from '../errors.ts';
import { AccountExport } from '../schemas/account-export.ts';
import { AuditList, AuditQuery } from '../schemas/audit.ts';
import {
  Accepted,
  ChangeEmailBody,
  ChangePasswordBody,
  ForgotPasswordBody,
  ResendVerificationBody,
  ResetPasswordBody,
  RestoreEmailBody,
  VerifyEmailBody,
} from '../schemas/credentials.ts';
import { AssetParams } from '../schemas/docs.ts';
import { FeatureFlags } from '../schemas/flags.ts';
import { Health, Readiness } from '../schemas/health.ts';
import { MailboxList } from '../schemas/mailbox.ts';
import { PageQuery } from '../schemas/page.ts';
import { PermissionList, PutRoleBody, Role, RoleList, RoleParams, RoleQuery } from '../schemas/roles.ts';
import { SessionList, SessionParams } from '../schemas/sessions.ts';
import {
  LoginBody,
  LogoutQuery,
  RefreshBody,
  RevokeForm,
  SignupBody,
  TokenForm,
  TokenResponse,
} from '../schemas/tokens.ts';
import {
  ScanResultBody,
  ScanResultOutcome,
  UploadBody,
  UploadItem,
  UploadList,
  UploadParams,
  UploadTicketResponse,
  UploadUrlQuery,
} from '../schemas/uploads.ts';
import {
  CreateUserBody,
  DeleteMeBody,
  EditMeBody,
  EditUserBody,
  ManagedUser,
  User,
  UserList,
  UserParams,
  UserQuery,
} from '../schemas/users.ts';

/** One route as its callers see it. The schemas are those that validate. */
export type Operation = {
  readonly summary: string;
  readonly tag: 'accounts' | 'sessions' | 'administration' | 'uploads' | 'service';
  /** Served in local work only, and left out of the document. */
  readonly isLocal?: true;
  /** `required`: an access token; `optional`: whatever the request carries; `callback_secret`: that of a scanner. */
  readonly auth: 'none' | 'optional' | 'required' | 'callback_secret';
  /** What the caller's roles must allow. */
  readonly permission?: Permission;
  readonly json?: z.ZodType;
  readonly form?: z.ZodType;
  /** The body is a file. */
  readonly bytes?: true;
  readonly query?: z.ZodObject;
  readonly params?: z.ZodObject;
  readonly response: {
    readonly status: number;
    /** Another status of success, with the same body. */
    readonly orStatus?: number;
    readonly description: string;
    readonly schema?: z.ZodType;
    readonly mediaType?: string;
  };
  /** The preconditions that it takes (RFC 9110 section 13.1). */
  readonly conditional?: readonly ('If-Match' | 'If-None-Match')[];
  /** It hands out ranges of bytes (RFC 9110 section 14). */
  readonly ranged?: true;
  /** Its ETag serves in the preconditions of this or another route. */
  readonly tagged?: true;
  /** Beside those that any route can answer with. */
  readonly errors: readonly ErrorCode[];
};

/** Every route of the app; a test holds this table against the router in both directions. */
export const operations = {
  'POST /auth/signup': {
    summary: 'Create an account and log in',
    tag: 'accounts',
    auth: 'none',
    json: SignupBody,
    response: {
      status: 201,
      description: 'The account and its first tokens; cookies are set',
      schema: TokenResponse,
    },
    errors: [
      'turnstile_failed',
      'email_taken',
      'username_taken',
      'weak_password',
      'validation_failed',
      'overloaded',
    ],
  },
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
    summary: 'End this session, the other ones, or all',
    tag: 'sessions',
    auth: 'optional',
    query: LogoutQuery,
    response: {
      status: 204,
      description: 'Ended, or there was none; cookies are cleared unless only the others ended',
    },
    errors: ['duplicate_cookie', 'unauthenticated', 'token_expired', 'validation_failed'],
  },
  'POST /auth/revoke': {
    summary: 'Revoke a token (RFC 7009)',
    tag: 'sessions',
    auth: 'none',
    form: RevokeForm,
    response: { status: 200, description: 'The token serves no longer, whatever it was' },
    errors: ['validation_failed'],
  },
  'POST /auth/password': {
    summary: 'Change the password; all other sessions end',
    tag: 'accounts',
    auth: 'required',
    json: ChangePasswordBody,
    response: { status: 200, description: 'New tokens; cookies are set', schema: TokenResponse },
    errors: [
      'invalid_credentials',
      'account_disabled',
      'email_not_verified',
      'weak_password',
      'conflict',
      'validation_failed',
      'login_locked',
      'overloaded',
    ],
  },
  'POST /auth/password/forgot': {
    summary: 'Ask for a reset link by e-mail',
    tag: 'accounts',
    auth: 'none',
    json: ForgotPasswordBody,
    response: {
      status: 202,
      description: 'The same whether the address has an account or not',
      schema: Accepted,
    },
    errors: ['validation_failed'],
  },
  'POST /auth/password/reset': {
    summary: 'Set a password by the token of a reset link; all sessions end',
    tag: 'accounts',
    auth: 'none',
    json: ResetPasswordBody,
    response: { status: 204, description: 'Set' },
    errors: ['token_invalid', 'weak_password', 'validation_failed', 'overloaded'],
  },
  'POST /auth/email/verify': {
    summary: 'Prove an e-mail address by the token of a link, or by a code',
    tag: 'accounts',
    auth: 'none',
    json: VerifyEmailBody,
    response: { status: 204, description: 'Proved' },
    errors: ['token_invalid', 'email_taken', 'validation_failed'],
  },
  'POST /auth/email/resend': {
    summary: 'Ask for another verification mail; one a minute',
    tag: 'accounts',
    auth: 'none',
    json: ResendVerificationBody,
    response: {
      status: 202,
      description: 'The same whether the address waits for one or not',
      schema: Accepted,
    },
    errors: ['validation_failed'],
  },
  'POST /auth/email/change': {
    summary: 'Ask for another e-mail address, which has to prove itself first',
    tag: 'accounts',
    auth: 'required',
    json: ChangeEmailBody,
    response: { status: 202, description: 'A mail is on its way to the new address', schema: Accepted },
    errors: [
      'invalid_credentials',
      'account_disabled',
      'email_not_verified',
      'validation_failed',
      'login_locked',
      'overloaded',
    ],
  },
  'POST /auth/email/restore': {
    summary: 'Undo a change of the e-mail address, by the token that went to the old one; all sessions end',
    tag: 'accounts',
    auth: 'none',
    json: RestoreEmailBody,
    response: { status: 204, description: 'The old address is back' },
    errors: ['token_invalid', 'email_taken', 'validation_failed'],
  },
  'GET /auth/me': {
    summary: 'Who one is',
    tag: 'accounts',
    auth: 'required',
    response: { status: 200, description: 'The account', schema: User },
    errors: ['account_disabled'],
  },
  'GET /users/me': {
    summary: 'Who one is',
    tag: 'accounts',
    auth: 'required',
    response: { status: 200, description: 'The account', schema: User },
    errors: ['account_disabled'],
  },
  'PATCH /users/me': {
    summary: "Change one's user name; null takes it away",
    tag: 'accounts',
    auth: 'required',
    json: EditMeBody,
    response: { status: 200, description: 'The account', schema: User },
    errors: ['account_disabled', 'email_not_verified', 'username_taken', 'validation_failed'],
  },
  'DELETE /users/me': {
    summary: "Delete one's account, with everything personal",
    tag: 'accounts',
    auth: 'required',
    json: DeleteMeBody,
    response: { status: 204, description: 'Deleted; cookies are cleared' },
    errors: [
      'invalid_credentials',
      'account_disabled',
      'email_not_verified',
      'conflict',
      'validation_failed',
      'login_locked',
      'overloaded',
    ],
  },
  'GET /users/me/export': {
    summary: 'Everything that is kept of oneself; the events in pages',
    tag: 'accounts',
    auth: 'required',
    query: PageQuery,
    response: { status: 200, description: 'A file', schema: AccountExport },
    errors: ['account_disabled', 'validation_failed'],
  },
  'GET /users': {
    summary: 'Accounts: all, newest first, or those that begin with a prefix, in alphabetical order',
    tag: 'administration',
    auth: 'required',
    permission: 'users:read',
    query: UserQuery,
    response: { status: 200, description: 'A page of accounts', schema: UserList },
    errors: ['validation_failed'],
  },
  'POST /users': {
    summary: 'Create an account, with a first password or an invitation mail',
    tag: 'administration',
    auth: 'required',
    permission: 'users:write',
    json: CreateUserBody,
    response: { status: 201, description: 'The account', schema: ManagedUser },
    tagged: true,
    errors: ['email_taken', 'username_taken', 'weak_password', 'validation_failed', 'overloaded'],
  },
  'GET /users/{id}': {
    summary: 'One account; its ETag serves as If-Match',
    tag: 'administration',
    auth: 'required',
    permission: 'users:read',
    params: UserParams,
    response: { status: 200, description: 'The account', schema: ManagedUser },
    tagged: true,
    errors: ['not_found', 'validation_failed'],
  },
  'PATCH /users/{id}': {
    summary:
      'Change what is given: user name, roles, disabled, must_change_password; If-Match guards against lost updates',
    tag: 'administration',
    auth: 'required',
    permission: 'users:write',
    params: UserParams,
    json: EditUserBody,
    response: { status: 200, description: 'The account as it is now', schema: ManagedUser },
    conditional: ['If-Match'],
    tagged: true,
    errors: ['not_found', 'username_taken', 'conflict', 'precondition_failed', 'validation_failed'],
  },
  'DELETE /users/{id}': {
    summary: 'Delete an account, with everything personal',
    tag: 'administration',
    auth: 'required',
    permission: 'users:write',
    params: UserParams,
    response: { status: 204, description: 'Deleted' },
    conditional: ['If-Match'],
    errors: ['not_found', 'conflict', 'precondition_failed', 'validation_failed'],
  },
  'DELETE /users/{id}/sessions': {
    summary: 'Log an account out everywhere',
    tag: 'administration',
    auth: 'required',
    permission: 'sessions:revoke',
    params: UserParams,
    response: { status: 204, description: 'All its sessions have ended' },
    errors: ['not_found', 'validation_failed'],
  },
  'GET /users/{id}/uploads': {
    summary: "An account's files, newest first, without their contents",
    tag: 'administration',
    auth: 'required',
    permission: 'uploads:read',
    params: UserParams,
    query: PageQuery,
    response: { status: 200, description: 'A page of files', schema: UploadList },
    errors: ['not_found', 'validation_failed'],
  },
  'GET /permissions': {
    summary: 'Everything that a role can allow',
    tag: 'administration',
    auth: 'required',
    permission: 'roles:read',
    response: { status: 200, description: 'All permissions', schema: PermissionList },
    errors: [],
  },
  'GET /roles': {
    summary: 'Roles in the order of their names',
    tag: 'administration',
    auth: 'required',
    permission: 'roles:read',
    query: RoleQuery,
    response: { status: 200, description: 'A page of roles', schema: RoleList },
    errors: ['validation_failed'],
  },
  'GET /roles/{name}': {
    summary: 'One role; its ETag serves as If-Match',
    tag: 'administration',
    auth: 'required',
    permission: 'roles:read',
    params: RoleParams,
    response: { status: 200, description: 'The role', schema: Role },
    tagged: true,
    errors: ['not_found', 'validation_failed'],
  },
  'PUT /roles/{name}': {
    summary: 'Create a role (201) or replace its permissions (200), within what one may do oneself',
    tag: 'administration',
    auth: 'required',
    permission: 'roles:write',
    params: RoleParams,
    json: PutRoleBody,
    response: { status: 200, orStatus: 201, description: 'The role; 201 where it is new', schema: Role },
    conditional: ['If-Match', 'If-None-Match'],
    tagged: true,
    errors: ['conflict', 'precondition_failed', 'validation_failed'],
  },
  'DELETE /roles/{name}': {
    summary: 'Delete a role that no account has',
    tag: 'administration',
    auth: 'required',
    permission: 'roles:write',
    params: RoleParams,
    response: { status: 204, description: 'Deleted' },
    conditional: ['If-Match'],
    errors: ['not_found', 'conflict', 'precondition_failed', 'validation_failed'],
  },
  'GET /audit': {
    summary: 'What happened to whom, newest first',
    tag: 'administration',
    auth: 'required',
    permission: 'audit:read',
    query: AuditQuery,
    response: { status: 200, description: 'A page of events', schema: AuditList },
    errors: ['validation_failed'],
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
  'POST /uploads': {
    summary: 'Declare a file, and get the URL that takes just its bytes',
    tag: 'uploads',
    auth: 'required',
    json: UploadBody,
    response: { status: 201, description: 'Where and how to send the bytes', schema: UploadTicketResponse },
    errors: [
      'account_disabled',
      'email_not_verified',
      'upload_quota_exceeded',
      'uploads_disabled',
      'validation_failed',
    ],
  },
  'GET /uploads': {
    summary: "One's files, newest first",
    tag: 'uploads',
    auth: 'required',
    query: PageQuery,
    response: { status: 200, description: 'A page of files', schema: UploadList },
    errors: ['account_disabled', 'email_not_verified', 'validation_failed'],
  },
  'PUT /uploads/{id}/content': {
    summary: 'The bytes, to the URL that was given out for them; with S3 that URL is another',
    tag: 'uploads',
    auth: 'none',
    params: UploadParams,
    query: UploadUrlQuery,
    bytes: true,
    response: { status: 200, description: 'Kept in quarantine' },
    errors: [
      'upload_url_invalid',
      'not_found',
      'conflict',
      'upload_rejected',
      'uploads_disabled',
      'validation_failed',
    ],
  },
  'POST /uploads/{id}/complete': {
    summary: 'Say that the bytes are there, and have them scanned',
    tag: 'uploads',
    auth: 'required',
    params: UploadParams,
    response: { status: 200, description: 'How far things are', schema: UploadItem },
    errors: [
      'account_disabled',
      'email_not_verified',
      'not_found',
      'conflict',
      'upload_rejected',
      'uploads_disabled',
      'validation_failed',
    ],
  },
  'GET /uploads/{id}': {
    summary: "One of one's files",
    tag: 'uploads',
    auth: 'required',
    params: UploadParams,
    response: { status: 200, description: 'The file, without its bytes', schema: UploadItem },
    errors: ['account_disabled', 'email_not_verified', 'not_found', 'validation_failed'],
  },
  'DELETE /uploads/{id}': {
    summary: "Delete one of one's files, whatever its status",
    tag: 'uploads',
    auth: 'required',
    params: UploadParams,
    response: { status: 204, description: 'Deleted' },
    errors: ['account_disabled', 'email_not_verified', 'not_found', 'validation_failed'],
  },
  'GET /uploads/{id}/download': {
    summary: 'The bytes of a clean file, or a range of them',
    tag: 'uploads',
    auth: 'required',
    params: UploadParams,
    response: {
      status: 200,
      description: 'The file as an attachment',
      mediaType: 'application/octet-stream',
    },
    conditional: ['If-Match', 'If-None-Match'],
    ranged: true,
    tagged: true,
    errors: [
      'account_disabled',
      'email_not_verified',
      'not_found',
      'upload_not_clean',
      'conflict',
      'precondition_failed',
      'range_not_satisfiable',
      'validation_failed',
    ],
  },
  'POST /webhooks/scan-result': {
    summary: "A scan result of GuardDuty's, by EventBridge, with the callback secret",
    tag: 'uploads',
    auth: 'callback_secret',
    json: ScanResultBody,
    response: { status: 200, description: 'Heard, and what came of it', schema: ScanResultOutcome },
    errors: ['unauthenticated', 'not_found', 'validation_failed'],
  },
  'GET /health': {
    summary: 'The service answers',
    tag: 'service',
    auth: 'none',
    response: { status: 200, description: 'It does', schema: Health },
    errors: [],
  },
  'GET /healthz': {
    summary: 'The process answers, configured or not',
    tag: 'service',
    auth: 'none',
    response: { status: 200, description: 'It does', schema: Health },
    errors: [],
  },
  'GET /readyz': {
    summary:
      'Every part that a request may need answers; 503 with the same body where one does not that all need',
    tag: 'service',
    auth: 'none',
    response: { status: 200, description: 'Those that all need do', schema: Readiness },
    errors: [],
  },
  'GET /dev/mailbox': {
    isLocal: true,
    summary: 'The e-mails that were captured, as a page or as JSON; in local environments only',
    tag: 'service',
    auth: 'none',
    response: { status: 200, description: 'The last 50, newest first', schema: MailboxList },
    errors: ['not_found'],
  },
  'GET /.well-known/jwks.json': {
    summary: 'The public keys of the access tokens (RFC 7517)',
    tag: 'service',
    auth: 'none',
    response: { status: 200, description: 'A JWK set; empty under HS256, HS384 and HS512' },
    errors: [],
  },
  'GET /flags': {
    summary: 'The feature flags',
    tag: 'service',
    auth: 'none',
    response: { status: 200, description: 'Every flag, on or off', schema: FeatureFlags },
    errors: [],
  },
  'GET /openapi.json': {
    summary: 'This document',
    tag: 'service',
    auth: 'none',
    response: { status: 200, description: 'OpenAPI 3.1' },
    errors: [],
  },
  'GET /docs': {
    summary: 'The API reference as a page',
    tag: 'service',
    auth: 'none',
    response: { status: 200, description: 'A page', mediaType: 'text/html' },
    errors: [],
  },
  'GET /docs/errors': {
    summary: 'The error codes as a page; the `type` of a problem leads here',
    tag: 'service',
    auth: 'none',
    response: { status: 200, description: 'A page', mediaType: 'text/html' },
    errors: [],
  },
  'GET /docs/assets/{file}': {
    summary: "The files of the API reference's viewer",
    tag: 'service',
    auth: 'none',
    params: AssetParams,
    response: { status: 200, description: 'A script or a style sheet', mediaType: 'text/javascript' },
    errors: ['not_found'],
  },
} as const satisfies Record<string, Operation>;
