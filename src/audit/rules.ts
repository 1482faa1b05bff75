/**
 * Every kind of audit event, with what it records. Details name members, roles, counts and ids, never a value that
 * says who somebody is: what is personal is in the columns `ip` and `user_agent`, which can be forgotten.
 */
export const auditEventTypes = {
  'account.signed_up': 'An account was created by its owner',
  'account.sign_up_repeated': 'A sign-up for an address that has an account',
  'account.created': 'An account was created by an administrator',
  'account.changed': 'The user name, the roles or the state of an account were changed',
  'account.deleted': 'An account was deleted, by its owner or an administrator',
  'login.failed': 'A wrong password, or one for no account',
  'login.locked': 'So many failures that further attempts are refused for a while',
  'session.opened': 'A login',
  'session.ended': 'A logout, or sessions ended by their owner or an administrator',
  'session.all_ended': 'Every session of every account was ended by an operator',
  'session.refresh_reused': 'A refresh token was used twice, and its session ended',
  'password.changed': 'A password was changed by its owner',
  'password.reset_requested': 'A reset link was asked for',
  'password.reset': 'A password was set by the link of an e-mail',
  'identity.linked': 'An identity of a provider was linked to an account',
  'identity.unlinked':
    'An identity of a provider was taken from an account, by its owner or with a proof of the address',
  'identity.refused': 'A login by a provider for an address whose account it may not have',
  'email.verification_requested': 'A verification mail was asked for',
  'email.code_refused':
    'A wrong or expired code; the subject is the account whose code it was meant for, if any',
  'email.code_locked': 'So many wrong codes for an address that further ones are refused for a day',
  'email.verified': 'An e-mail address was proved',
  'email.change_requested': 'Another e-mail address was asked for',
  'email.changed': 'An account moved to another e-mail address',
  'email.restored': 'A change of the e-mail address was undone',
  'role.created': 'A role was created',
  'role.changed': 'The permissions of a role were changed',
  'role.deleted': 'A role was deleted',
  'upload.created': 'A file was declared, and an upload URL given out',
  'upload.completed': 'The bytes of a file were confirmed, and its scan began',
  'upload.clean': 'A scanner found nothing in a file',
  'upload.infected': 'A scanner found a threat in a file',
  'upload.failed': 'A file was refused for its content, no scanner could tell, or its bytes were gone',
  'upload.expired': 'A file was never confirmed',
  'upload.deleted': 'A file was deleted by its owner',
  'configuration.refused': 'The service refused to start with its configuration',
} as const satisfies Record<string, string>;

export type AuditEventType = keyof typeof auditEventTypes;

export const auditEventTypeNames = Object.keys(auditEventTypes) as readonly AuditEventType[];

/** What happened, to whom, by whom and from where. Whose account is deleted has neither address nor device any more. */
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

/** Which events are asked for; null does not matter. */
export type AuditFilter = {
  /** Events about that account, and what it did to others. */
  readonly userId: string | null;
  readonly type: AuditEventType | null;
};
