import type { Container } from '../container.ts';
import type { PermittedContext } from '../platform/context.ts';
import { permissions } from '../platform/rules/permissions.ts';
import { createRoleSql } from './sql.ts';

export type Roles = ReturnType<typeof createRoles>;

export const createRoles = (container: Pick<Container, 'db' | 'gate' | 'newId'>) => {
  const { authorize, ...roles } = createRoleSql(container);
  return {
    ...roles,

    /** Everything that a role can allow. @throws AppError `forbidden` and what ends a session */
    permissions: async (ctx: PermittedContext): Promise<{ name: string; description: string }[]> => {
      await authorize(ctx);
      return Object.entries(permissions).map(([name, { description }]) => ({ name, description }));
    },
  };
};
