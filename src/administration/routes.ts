import { Hono } from 'hono';
import type { AccountEdit, ManagedUser } from '../accounts/rules/account.ts';
import {
  CreateUserBody,
  EditUserBody,
  managedUserResponse,
  newUserResponse,
  UserParams,
  UserQuery,
} from '../accounts/schema/users.ts';
import type { RequestContext } from '../platform/context.ts';
import type { AppEnv } from '../platform/http/app-env.ts';
import { readPreconditions, setEntityTag } from '../platform/http/preconditions.ts';
import { validate } from '../platform/http/validate.ts';
import type { RequirePermission } from '../platform/middleware/authenticate.ts';
import type { Page, PageRequest } from '../platform/rules/page.ts';
import { PageQuery, pageResponse } from '../platform/schema/page.ts';
import type { Upload } from '../uploads/rules/upload.ts';
import { uploadResponse } from '../uploads/schema.ts';
import type { CreatedUser, CreateUserRequest } from './service/create.ts';
import type { UserQuery as UserListQuery } from './service/list.ts';

type Versions = readonly string[] | null;

export type UserServices = {
  readonly list: (ctx: RequestContext, query: UserListQuery) => Promise<Page<ManagedUser>>;
  readonly read: (ctx: RequestContext, id: string) => Promise<ManagedUser>;
  readonly create: (ctx: RequestContext, request: CreateUserRequest) => Promise<CreatedUser>;
  readonly edit: (
    ctx: RequestContext,
    id: string,
    edit: AccountEdit,
    ifMatch: Versions,
  ) => Promise<ManagedUser | null>;
  readonly remove: (ctx: RequestContext, id: string, ifMatch: Versions) => Promise<void>;
  readonly endSessions: (ctx: RequestContext, id: string) => Promise<void>;
  readonly listUploads: (ctx: RequestContext, id: string, page: PageRequest) => Promise<Page<Upload>>;
};

/** The accounts of others, under `/users`. */
export const userRoutes = (users: UserServices, requirePermission: RequirePermission) =>
  new Hono<AppEnv>()
    .get('/', requirePermission('users:read'), validate('query', UserQuery), async (c) => {
      const { q: prefix = null, cursor = null, limit } = c.req.valid('query');
      return c.json(
        pageResponse(await users.list(c.var.ctx, { prefix, cursor, limit }), managedUserResponse),
      );
    })
    .post('/', requirePermission('users:write'), validate('json', CreateUserBody), async (c) => {
      const { email, username = null, password = null, roles } = c.req.valid('json');
      const { made, user } = await users.create(c.var.ctx, { email, username, password, roles });
      setEntityTag(c, made.version);
      c.header('Location', `/users/${made.id}`);
      return c.json(user ? managedUserResponse(user) : newUserResponse(made), 201);
    })
    .get('/:id', requirePermission('users:read'), validate('param', UserParams), async (c) => {
      const user = await users.read(c.var.ctx, c.req.valid('param').id);
      setEntityTag(c, user.version);
      return c.json(managedUserResponse(user));
    })
    .patch(
      '/:id',
      requirePermission('users:write'),
      validate('param', UserParams),
      validate('json', EditUserBody),
      async (c) => {
        const { must_change_password: mustChangePassword, ...rest } = c.req.valid('json');
        const { ifMatch } = readPreconditions(c);
        const edit = { ...rest, mustChangePassword };
        const user = await users.edit(c.var.ctx, c.req.valid('param').id, edit, ifMatch);
        // Without an ETag either: one that has not moved would tell that the account was so already.
        if (!user) return c.body(null, 204);
        setEntityTag(c, user.version);
        return c.json(managedUserResponse(user));
      },
    )
    .get(
      '/:id/uploads',
      requirePermission('uploads:read'),
      validate('param', UserParams),
      validate('query', PageQuery),
      async (c) => {
        const { cursor = null, limit } = c.req.valid('query');
        const page = await users.listUploads(c.var.ctx, c.req.valid('param').id, { cursor, limit });
        return c.json(pageResponse(page, uploadResponse));
      },
    )
    .delete('/:id', requirePermission('users:write'), validate('param', UserParams), async (c) => {
      await users.remove(c.var.ctx, c.req.valid('param').id, readPreconditions(c).ifMatch);
      return c.body(null, 204);
    })
    .delete(
      '/:id/sessions',
      requirePermission('sessions:revoke'),
      validate('param', UserParams),
      async (c) => {
        await users.endSessions(c.var.ctx, c.req.valid('param').id);
        return c.body(null, 204);
      },
    );
