import type { Container } from '../container.ts';
import type { Route, Web } from '../platform/http/route.ts';

// A fork changes this file and adds to this folder; Itsor never changes either again (docs/upgrading.md).

export type ForkFeatures = ReturnType<typeof createForkFeatures>;

/** The features of a fork, made of what the container holds. */
export const createForkFeatures = (_container: Container) => ({});

/** The routes of a fork; their paths begin with `/api/`. */
export const createForkRoutes = (_features: ForkFeatures, _web: Web): readonly Route[] => [];
