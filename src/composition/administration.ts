import type { Database } from '../db/client.ts';
import type { AuditRepository } from '../repositories/audit.ts';
import type { Gate } from '../repositories/gate.ts';
import { createRoleRepository } from '../repositories/roles.ts';
import { createUserDirectory } from '../repositories/user-directory.ts';
import { createUserRepository } from '../repositories/users.ts';
import { createListAudit } from '../services/audit/list.ts';
import { createListRoles } from '../services/role/list.ts';
import { createListPermissions } from '../services/role/permissions.ts';
import { createPutRole } from '../services/role/put.ts';
import { createReadRole } from '../services/role/read.ts';
import { createRemoveRole } from '../services/role/remove.ts';
import { createCreateUser } from '../services/user/create.ts';
import { createEditUser } from '../services/user/edit.ts';
import { createEndUserSessions } from '../services/user/end-sessions.ts';
import { createListUsers } from '../services/user/list.ts';
import { createReadUser } from '../services/user/read.ts';
import { createRemoveUser } from '../services/user/remove.ts';
import type { Sources } from './sources.ts';

type AdministrationParts = Pick<Sources, 'newId'> &
  Omit<Parameters<typeof createCreateUser>[0], 'users' | 'roles'> & {
    readonly gate: Gate;
    readonly audit: AuditRepository;
  };

/** What administrators do with the accounts of others. */
export const createAdministration = (db: Database, { newId, gate, audit, ...parts }: AdministrationParts) => {
  const { mailQueue, passwordMaxAgeDays } = parts;
  const users = createUserRepository(db, { newId, gate });
  const directory = createUserDirectory(db, { gate });
  const roles = createRoleRepository(db, { newId, gate });
  return {
    users: {
      list: createListUsers({ directory, passwordMaxAgeDays }),
      read: createReadUser({ directory, passwordMaxAgeDays }),
      create: createCreateUser({ users, roles, ...parts }),
      edit: createEditUser({ users, passwordMaxAgeDays }),
      remove: createRemoveUser({ users, mailQueue, newId }),
      endSessions: createEndUserSessions({ users }),
    },
    roles: {
      list: createListRoles({ roles }),
      read: createReadRole({ roles }),
      put: createPutRole({ roles }),
      remove: createRemoveRole({ roles }),
      permissions: createListPermissions({ roles }),
    },
    audit: { list: createListAudit({ audit }) },
  };
};
