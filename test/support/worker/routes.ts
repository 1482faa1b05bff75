import { env } from 'cloudflare:test';
import type { Access, Description } from '../../../src/platform/http/route.ts';
import type { Permission } from '../../../src/platform/rules/permissions.ts';
import { forkPath } from '../../../src/routes.ts';
import { createWorker } from '../../../src/worker.ts';

/** The routes of Itsor as it runs in the tests; those of a fork are for the tests of the fork. */
export const routes = createWorker(env as never).routes.filter(({ path }) => !path.startsWith(forkPath));

/** A route as OpenAPI names it. */
const keyOf = ({ method, path }: Pick<Description, 'method' | 'path'>): string =>
  `${method} ${path.replaceAll(/:(\w+)/g, '{$1}')}`;

/** The routes of the API by their keys; the pages are not part of it. */
export const operations: Readonly<Record<string, Description>> = Object.fromEntries(
  routes.flatMap((route) => (route.tag === 'pages' ? [] : [[keyOf(route), route]])),
);

export const permissionOf = (access: Access | undefined): Permission | undefined =>
  access?.includes(':') ? (access as Permission) : undefined;
