/**
 * Every type of audit event, with what it records. Details name members, roles, counts and ids, and hold no personal
 * data: that is in the columns `ip` and `user_agent`, which can be erased.
 */
export const auditEventTypes = {
  'account.signed_up': 'An account was created by its owner',
  'account.sign_up_repeated': 'A sign-up for an address that has an account',
  'account.created': 'An account was created by an administrator',
  'account.changed': 'The user name, the roles or the state of an account were changed',
  'account.deleted': 'An account was deleted, by its owner or an administrator',
  'login.failed': 'A wrong password, or a password for an unknown account',
  'login.locked': 'Further attempts are refused for a while after too many failures',
  'session.opened': 'A login, or a sign-up that logs in',
  'session.ended': 'A logout, or sessions ended by their owner or an administrator',
  'session.all_ended': 'Every session of every account was ended by an operator',
  'session.refresh_late':
    'A device asked again with the refresh token before the current one, after the grace, and was answered',
  'session.refresh_shared':
    'Within the grace, another network asked with the refresh token before the current one, and was answered',
  'session.refresh_reused': 'A refresh token was used twice, and its session ended',
  'password.changed': 'A password was changed by its owner',
  'password.reset_requested': 'A reset link was requested',
  'password.reset': 'A password was set by a link in an e-mail',
  'identity.linked': 'An identity of a provider was linked to an account',
  'identity.unlinked':
    'An identity of a provider was removed from an account, by its owner or by a proof of the address',
  'identity.refused': 'A login with a provider was refused, because another account has its address',
  'email.verification_requested': 'A verification mail was requested',
  'email.code_refused':
    'A wrong or expired code; the subject is the account that the code was meant for, if there is one',
  'email.code_locked': 'Further codes for an address are refused for a day after too many wrong ones',
  'email.verified': 'An e-mail address was verified',
  'email.change_requested': 'A change of the e-mail address was requested',
  'email.changed': 'The e-mail address of an account was changed',
  'email.restored': 'A change of the e-mail address was undone',
  'role.created': 'A role was created',
  'role.changed': 'The permissions of a role were changed',
  'role.deleted': 'A role was deleted',
  'upload.created': 'A file was declared, and an upload URL was issued',
  'upload.completed': 'The content of a file was confirmed, and its scan began',
  'upload.clean': 'A scanner found nothing in a file',
  'upload.infected': 'A scanner found a threat in a file',
  'upload.failed': 'A file was refused for its content, could not be scanned, or had lost its content',
  'upload.expired': 'An upload was not confirmed in time',
  'upload.deleted': 'A file was deleted by its owner',
  'configuration.refused': 'The service refused to start with its configuration',
} as const satisfies Record<string, string>;

export type AuditEventType = keyof typeof auditEventTypes;

export const auditEventTypeNames = Object.keys(auditEventTypes) as readonly AuditEventType[];

/** An event with its actor, its subject and its origin. The origin is erased with the account. */
export type AuditEvent = {
  readonly id: string;
  readonly type: string;
  readonly actorId: string | null;
  readonly subjectId: string | null;
  readonly createdAt: Date;
  readonly ip: string | null;
  readonly userAgent: string | null;
  readonly requestId: string;
  readonly details: Readonly<Record<string, unknown>>;
};

/** The events that a request asks for; null admits every value. */
export type AuditFilter = {
  /** Events about that account, and events of its actions on other accounts. */
  readonly userId: string | null;
  readonly type: AuditEventType | null;
};
