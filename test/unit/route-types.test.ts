import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import type { PermittedContext, SessionContext } from '../../src/platform/context.ts';
import { page, route } from '../../src/platform/http/route.ts';

// The type checker proves these: a line under `@ts-expect-error` that compiles is an error of its own.

const described = {
  method: 'POST',
  path: '/things/:id',
  summary: 'Change a thing',
  description: 'It can be repeated.',
  tag: 'service',
  errors: [],
  budget: { trips: 0, objects: 0 },
} as const;

const needsSession = (ctx: SessionContext): string => ctx.actor.userId;
const needsPermission = (ctx: PermittedContext): string => ctx.requiredPermission;

describe('a description gives its handler the types of its input, its context and its answers', () => {
  it('types input by the schemas', () => {
    const json = z.strictObject({ size: z.number() });
    const params = z.strictObject({ id: z.string() });
    const answers = { 204: { description: 'Changed' } };
    const made = route({ ...described, access: 'anyone', json, params, answers }, (c) => {
      const { size } = c.req.valid('json');
      const { id } = c.req.valid('param');
      size.toFixed();
      id.toUpperCase();
      // @ts-expect-error: a number is no text.
      size.toUpperCase();
      // @ts-expect-error: the route takes no query.
      c.req.valid('query');
      return c.body(null, 204);
    });
    expect(made).toMatchObject({ method: 'POST', path: '/things/:id' });
  });

  it('types answers by their status and schema', () => {
    const answers = { 200: { description: 'The thing', schema: z.object({ size: z.number() }) } };
    const options = { ...described, access: 'anyone', answers } as const;
    // @ts-expect-error: the size is a number.
    const wrongBody = route(options, (c) => c.json({ size: 'large' }, 200));
    // @ts-expect-error: nothing describes a 201.
    const wrongStatus = route(options, (c) => c.json({ size: 1 }, 201));
    const right = route(options, (c) => c.json({ size: 1 }, 200));
    expect([wrongBody, wrongStatus, right]).toHaveLength(3);
  });

  it('types the context by the access', () => {
    const answers = { 204: { description: 'Done' } };
    const options = { ...described, answers } as const;
    const open = route({ ...options, access: 'optional' }, (c, ctx) => {
      // @ts-expect-error: the actor can be null.
      needsSession(ctx);
      return c.body(null, 204);
    });
    const ofSession = route({ ...options, access: 'session' }, (c, ctx) => {
      needsSession(ctx);
      // @ts-expect-error: the route requires no permission.
      needsPermission(ctx);
      return c.body(null, 204);
    });
    const permitted = route({ ...options, access: 'users:read' }, (c, ctx) => {
      needsPermission(ctx);
      return c.body(null, 204);
    });
    const shown = page({ method: 'GET', path: '/things', access: 'session' }, (c, ctx) =>
      c.text(needsSession(ctx)),
    );
    expect([open, ofSession, permitted, shown].map(({ access }) => access)).toEqual([
      'optional',
      'session',
      'users:read',
      'session',
    ]);
  });
});
