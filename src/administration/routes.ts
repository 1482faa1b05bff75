import {
  CreatedUser as CreatedUserSchema,
  CreateUserBody,
  EditUserBody,
  ManagedUser as ManagedUserSchema,
  managedUserResponse,
  newUserResponse,
  UserList,
  UserParams,
  UserQuery,
} from '../accounts/schema/users.ts';
import type { PermittedContext } from '../platform/context.ts';
import { readPreconditions, setEntityTag } from '../platform/http/preconditions.ts';
import { reasonsFor } from '../platform/http/reasons.ts';
import { route } from '../platform/http/route.ts';
import type { Page, PageRequest } from '../platform/rules/page.ts';
import { PageQuery, pageResponse } from '../platform/schema/page.ts';
import type { Upload } from '../uploads/rules/upload.ts';
import { UploadList, uploadResponse } from '../uploads/schema.ts';
import type { Administration } from './service.ts';

type Features = {
  readonly administration: Administration;
  readonly uploads: {
    readonly listOf: (ctx: PermittedContext, id: string, page: PageRequest) => Promise<Page<Upload>>;
  };
};

export const userRoutes = ({ administration: users, uploads }: Features) => [
  route(
    {
      method: 'GET',
      path: '/users',
      summary: 'List accounts: all, newest first, or those that begin with a prefix, in alphabetical order',
      description:
        'Follow `next_cursor` until it is null. A prefix in `q` is compared with addresses and user names.',
      tag: 'administration',
      budget: { trips: 1, objects: 1 },
      access: 'users:read',
      query: UserQuery,
      answers: { 200: { description: 'A page of accounts', schema: UserList } },
      errors: ['validation_failed'],
    },
    async (c, ctx) => {
      const { q: prefix = null, cursor = null, limit } = c.req.valid('query');
      return c.json(pageResponse(await users.list(ctx, { prefix, cursor, limit }), managedUserResponse), 200);
    },
  ),
  route(
    {
      method: 'POST',
      path: '/users',
      summary: 'Create an account, with a first password or an invitation mail',
      description:
        'Without a password the new account gets a mail with a link that sets one. You can give only roles whose permissions you have yourself. A second call with the same address is answered 409 `email_taken`.',
      tag: 'administration',
      budget: { trips: 1, objects: 2 },
      access: 'users:write',
      json: CreateUserBody,
      reasons: reasonsFor(
        CreateUserBody,
        (ctx: PermittedContext, { email = '', username = null, password = null }) =>
          users.passwordReasons(ctx, { email, username, password }),
      ),
      answers: {
        201: {
          description: 'The account; without `users:read` only what was sent, with its id',
          schema: CreatedUserSchema,
        },
      },
      tagged: true,
      errors: ['email_taken', 'username_taken', 'weak_password', 'validation_failed', 'overloaded'],
    },
    async (c, ctx) => {
      const { email, username = null, password = null, roles } = c.req.valid('json');
      const { made, user } = await users.create(ctx, { email, username, password, roles });
      if (user) setEntityTag(c, made.version);
      c.header('Location', `/users/${made.id}`);
      return c.json(user ? managedUserResponse(user) : newUserResponse(made), 201);
    },
  ),
  route(
    {
      method: 'GET',
      path: '/users/:id',
      summary: 'Read an account; its ETag serves as If-Match',
      description:
        "Call it before an edit and send its ETag back as If-Match, so that you do not overwrite another person's change.",
      tag: 'administration',
      budget: { trips: 1, objects: 1 },
      access: 'users:read',
      params: UserParams,
      answers: { 200: { description: 'The account', schema: ManagedUserSchema } },
      tagged: true,
      errors: ['not_found', 'validation_failed'],
    },
    async (c, ctx) => {
      const user = await users.read(ctx, c.req.valid('param').id);
      setEntityTag(c, user.version);
      return c.json(managedUserResponse(user), 200);
    },
  ),
  route(
    {
      method: 'PATCH',
      path: '/users/:id',
      summary:
        'Change what is given: user name, roles, disabled, must_change_password, or remove the password; If-Match prevents lost updates and needs `users:read`',
      description:
        'Members that are absent stay as they are. Disabling an account, or removing its password, ends its sessions at once. You can neither give nor take what goes beyond your own permissions, and the last administrator stays.',
      tag: 'administration',
      budget: { trips: 1, objects: 2 },
      access: 'users:write',
      params: UserParams,
      json: EditUserBody,
      answers: {
        200: {
          description: 'The account as it is now, for actors with `users:read`',
          schema: ManagedUserSchema,
        },
        204: { description: 'The account is as asked for; the actor lacks `users:read`' },
      },
      conditional: ['If-Match'],
      tagged: true,
      errors: ['not_found', 'username_taken', 'conflict', 'precondition_failed', 'validation_failed'],
    },
    async (c, ctx) => {
      const { must_change_password: mustChangePassword, ...rest } = c.req.valid('json');
      const edit = { ...rest, mustChangePassword };
      const user = await users.edit(ctx, c.req.valid('param').id, edit, readPreconditions(c).ifMatch);
      // An ETag would tell whether the edit changed anything, so there is none here.
      if (!user) return c.body(null, 204);
      setEntityTag(c, user.version);
      return c.json(managedUserResponse(user), 200);
    },
  ),
  route(
    {
      method: 'GET',
      path: '/users/:id/uploads',
      summary: 'List the files of an account, newest first, without their contents',
      description:
        'Names, types, sizes and status of the files, for support and moderation. Nobody but the owner can download them.',
      tag: 'administration',
      budget: { trips: 1, objects: 1 },
      access: 'uploads:read',
      params: UserParams,
      query: PageQuery,
      answers: { 200: { description: 'A page of files', schema: UploadList } },
      errors: ['not_found', 'validation_failed'],
    },
    async (c, ctx) => {
      const { cursor = null, limit } = c.req.valid('query');
      const page = await uploads.listOf(ctx, c.req.valid('param').id, { cursor, limit });
      return c.json(pageResponse(page, uploadResponse), 200);
    },
  ),
  route(
    {
      method: 'DELETE',
      path: '/users/:id',
      summary: 'Delete an account and its personal data',
      description:
        'The account, its sessions and its files are deleted for good; audit events stay without personal data, and the owner is told by mail. You cannot delete your own account here, nor that of the last administrator.',
      tag: 'administration',
      budget: { trips: 1, objects: 4 },
      access: 'users:write',
      params: UserParams,
      answers: { 204: { description: 'Deleted' } },
      conditional: ['If-Match'],
      errors: ['not_found', 'conflict', 'precondition_failed', 'validation_failed'],
    },
    async (c, ctx) => {
      await users.remove(ctx, c.req.valid('param').id, readPreconditions(c).ifMatch);
      return c.body(null, 204);
    },
  ),
  route(
    {
      method: 'DELETE',
      path: '/users/:id/sessions',
      summary: 'Log an account out everywhere',
      description:
        'Use it when a device is lost or a password has leaked. The access tokens of the account stop working with its sessions, on the next request. It can be repeated.',
      tag: 'administration',
      budget: { trips: 1, objects: 2 },
      access: 'sessions:revoke',
      params: UserParams,
      answers: { 204: { description: 'All its sessions have ended' } },
      errors: ['not_found', 'validation_failed'],
    },
    async (c, ctx) => {
      await users.endSessions(ctx, c.req.valid('param').id);
      return c.body(null, 204);
    },
  ),
];
