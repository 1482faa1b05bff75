import type { Context } from 'hono';
import type * as z from 'zod';
import type { RequestContext } from '../context.ts';
import { findAppError } from '../errors.ts';
import type { Failure } from '../pages/failure.ts';
import type { AppEnv } from './app-env.ts';
import { bufferBody } from './body.ts';
import { parse } from './validate.ts';

type PageForm<Schema extends z.ZodType, Ctx extends RequestContext> = {
  /** As its page calls it. */
  readonly name: string;
  readonly schema: Schema;
  /** @returns where to go on */
  readonly submit: (c: Context<AppEnv>, body: z.output<Schema>, ctx: Ctx) => Promise<string>;
  /** The page again, with what was wrong. */
  readonly again: (c: Context<AppEnv>, failure: Failure) => Response | Promise<Response>;
};

/** A secret is taken as it is; anything else without the white space that a phone or a copy has put around it. */
const isSecret = (name: string): boolean => /password|token/.test(name);

const readFields = (body: ArrayBuffer): Record<string, string> =>
  Object.fromEntries(
    [...new URLSearchParams(new TextDecoder().decode(body))].map(([name, value]) => [
      name,
      isSecret(name) ? value : value.trim(),
    ]),
  );

/**
 * A form that works without a script: what it brings about is answered by a redirect, so that a reload does not
 * send it twice, and what can be corrected by its page again. Our own failures are left to the error page.
 */
export const pageForm =
  <Schema extends z.ZodType, Ctx extends RequestContext = RequestContext>({
    name,
    schema,
    submit,
    again,
  }: PageForm<Schema, Ctx>) =>
  async (c: Context<AppEnv>, ctx: Ctx): Promise<Response> => {
    await bufferBody(c, 'form');
    const values = readFields(await c.req.arrayBuffer());
    try {
      const place = await submit(c, parse(schema, values), ctx);
      return c.redirect(place, 303);
    } catch (thrown) {
      const error = findAppError(thrown);
      if (!error || error.status >= 500) throw thrown;
      return again(c, { form: name, values, error });
    }
  };
