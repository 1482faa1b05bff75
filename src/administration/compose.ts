import { createListAudit } from '../audit/service.ts';
import type { AuditRepository } from '../audit/sql/audit.ts';
import type { Database } from '../platform/db/client.ts';
import type { Sources } from '../platform/sources.ts';
import { createListRoles } from '../roles/service/list.ts';
import { createListPermissions } from '../roles/service/permissions.ts';
import { createPutRole } from '../roles/service/put.ts';
import { createReadRole } from '../roles/service/read.ts';
import { createRemoveRole } from '../roles/service/remove.ts';
import { createRoleRepository } from '../roles/sql.ts';
import type { Gate } from '../sessions/sql/gate.ts';
import { createCreateUser } from './service/create.ts';
import { createEditUser } from './service/edit.ts';
import { createEndUserSessions } from './service/end-sessions.ts';
import { createListUsers } from './service/list.ts';
import { createReadUser } from './service/read.ts';
import { createRemoveUser } from './service/remove.ts';
import { createUserDirectory } from './sql/user-directory.ts';
import { createUserRepository } from './sql/users.ts';

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
