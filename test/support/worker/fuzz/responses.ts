import { expect } from 'vitest';
import * as z from 'zod';
import { errorCatalogue } from '../../../../src/platform/errors.ts';
import type { GeneratedRequest } from './fields.ts';
import type { OpenApi, Schema } from './openapi.ts';

type Problem = { code: keyof typeof errorCatalogue; status: number; request_id: string; error?: string };

/** What a request gets that has no route: a preflight's or a redirect's answer, or what every request may get. */
const withoutRoute: readonly number[] = [204, 308, 403, 404, 405];
/** Slashes that make another address of a route, of which a redirect (308) tells the one that counts. */
const slashTooMany = /\/\/|.\/$/;
const pathOf = (target: string): string => new URL(target, 'https://api.test').pathname;
/** What else than its route a request finds whose path has been bent by its parameters. */
const besideRoute: readonly number[] = [308, 404, 405];

/** Fails unless a response is one that the document allows for its request. */
export const createResponseCheck = ({ endpoints, schemas }: OpenApi) => {
  /** The endpoint that answers a method at a path; `DELETE /uploads/limits` is one of `/uploads/{id}`. */
  const endpointAt = (method: string, path: string) => {
    const candidates = endpoints.filter((endpoint) => endpoint.method === method);
    return (
      candidates.find((endpoint) => endpoint.path === path) ??
      candidates.find((endpoint) =>
        new RegExp(`^${endpoint.path.replaceAll(/\{\w+\}/g, '[^/]+')}$`).test(path),
      )
    );
  };
  const validator = (schema: Schema): z.ZodType => {
    const local = JSON.stringify({ ...schema, $defs: schemas })
      .replaceAll('#/components/schemas/', '#/$defs/')
      // zod has an idea of its own of the format; the pattern beside it is the one that holds.
      .replaceAll('"format":"email",', '');
    return z.fromJSONSchema(JSON.parse(local));
  };
  const successes = new Map(
    endpoints.flatMap(({ key, responses }) =>
      Object.entries(responses).flatMap(([status, { content }]) => {
        const schema = content?.['application/json']?.schema;
        return schema ? [[`${key} ${status}`, validator(schema)] as const] : [];
      }),
    ),
  );
  const problem = validator({ $ref: '#/components/schemas/Problem' });

  const checkProblem = (endpoint: string, response: Response, text: string) => {
    const body = JSON.parse(text) as Problem;
    expect(problem.safeParse(body).error?.issues ?? []).toEqual([]);
    expect(body.status).toBe(response.status);
    if (body.error === undefined) expect(errorCatalogue[body.code].status).toBe(response.status);
    expect(response.headers.get('X-Request-ID')).toBe(body.request_id);
    expect(response.headers.has('WWW-Authenticate')).toBe(response.status === 401);
    expect(response.headers.has('Retry-After')).toBe(response.status === 429);
    expect(response.headers.has('Allow')).toBe(response.status === 405);
    // A logout takes away the cookies of a session that has ended, even if it says so by an error.
    const cookies = response.headers.getSetCookie();
    expect(
      endpoint === 'POST /auth/logout' ? cookies.filter((each) => !each.includes('=; Max-Age=0;')) : cookies,
    ).toEqual([]);
  };

  return async (
    { endpoint, method, target, headers }: GeneratedRequest,
    response: Response,
  ): Promise<void> => {
    const { status } = response;
    const described = endpointAt(method === 'HEAD' ? 'GET' : method, endpoint.split(' ')[1] ?? '');
    const text = await response.text();
    const type = response.headers.get('Content-Type') ?? '';
    expect(status).toBeLessThan(500);
    const statuses = described
      ? [...Object.keys(described.responses).map(Number), ...besideRoute]
      : withoutRoute;
    expect(statuses).toContain(status);
    if (status === 308) {
      expect(pathOf(target)).toMatch(slashTooMany);
      return expect(pathOf(response.headers.get('Location') ?? '')).not.toMatch(slashTooMany);
    }
    if (method === 'HEAD') return expect(text).toBe('');
    if (status >= 400) {
      expect(type).toMatch(
        headers.Accept ? /^application\/(problem\+)?json$/ : /^application\/problem\+json$/,
      );
      return checkProblem(endpoint, response, text);
    }
    const success = successes.get(`${described?.key} ${status}`);
    if (success) expect(success.safeParse(JSON.parse(text)).error?.issues ?? []).toEqual([]);
  };
};
