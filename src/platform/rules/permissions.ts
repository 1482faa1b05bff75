type PermissionRow = {
  readonly description: string;
  /** It reaches beyond the holder's own account, so the role of every sign-up cannot hold it. */
  readonly administrative: boolean;
};

/** Everything that a role can allow; a closed list, as each is enforced by name on the routes that need it. */
export const permissions = {
  'users:read': { description: 'List and search accounts, and read one', administrative: true },
  'users:write': {
    description:
      'Create, edit, disable and delete accounts, and give them roles that allow no more than you may do',
    administrative: true,
  },
  'sessions:revoke': { description: 'End all sessions of an account', administrative: true },
  'roles:read': { description: 'List and read roles and permissions', administrative: true },
  'roles:write': {
    description:
      'Create, change and delete roles that allow no more than you may do; roles that accounts have also need users:write',
    administrative: true,
  },
  'audit:read': { description: 'Read the audit trail', administrative: true },
  'uploads:read': { description: "List everybody's uploads, without their contents", administrative: true },
} as const satisfies Record<string, PermissionRow>;

export type Permission = keyof typeof permissions;

export const permissionNames = Object.keys(permissions) as readonly Permission[];
export const administrativePermissions = permissionNames.filter((name) => permissions[name].administrative);

/** Roles that the service itself relies on: `user` is what a sign-up gets, `admin` holds every permission. */
export const builtInRoles = ['user', 'admin'] as const;
export type BuiltInRole = (typeof builtInRoles)[number];
export const adminRole: BuiltInRole = 'admin';
export const signUpRole: BuiltInRole = 'user';
