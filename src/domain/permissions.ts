/** Everything that a role can allow; a closed list, as each is enforced by name on the routes that need it. */
export const permissions = {
  'users:read': 'List and search accounts, and read one',
  'users:write':
    'Create, edit, disable and delete accounts, and give them roles that allow no more than one may oneself',
  'sessions:revoke': 'End all sessions of an account',
  'roles:read': 'List and read roles and permissions',
  'roles:write': 'Create, change and delete roles that allow no more than one may oneself',
  'audit:read': 'Read the audit trail',
  'uploads:read': "List everybody's uploads, without their contents",
} as const satisfies Record<string, string>;

export type Permission = keyof typeof permissions;

export const permissionNames = Object.keys(permissions) as readonly Permission[];

/** Roles that the service itself relies on: `user` is what a sign-up gets, `admin` holds every permission. */
export const builtInRoles = ['user', 'admin'] as const;
export type BuiltInRole = (typeof builtInRoles)[number];
export const adminRole: BuiltInRole = 'admin';
