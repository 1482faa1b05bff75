import * as z from 'zod';
import { type ErrorCode, errorCatalogue } from '../../src/platform/errors.ts';
import type { Access, Description, Route } from '../../src/platform/http/route.ts';
import { callbackSecretHeader } from '../../src/uploads/schema.ts';

type Json = Record<string, unknown>;

const everywhere: readonly ErrorCode[] = [
  'rate_limited',
  'internal_error',
  'misconfigured',
  'service_unavailable',
  'timeout',
];
const withBody: readonly ErrorCode[] = ['malformed_json', 'payload_too_large', 'unsupported_media_type'];
const withLogin: readonly ErrorCode[] = [
  'unauthenticated',
  'token_expired',
  'session_revoked',
  'duplicate_cookie',
];

const withPermission: readonly ErrorCode[] = [
  'forbidden',
  'account_disabled',
  'email_not_verified',
  'password_change_required',
];

/** Zod puts named schemas into `$defs`; OpenAPI keeps them in one place for all. */
const createSchemaWriter = () => {
  const components: Json = {};
  const write = (schema: z.ZodType, io: 'input' | 'output'): Json => {
    const { $schema: _, $defs = {}, ...own } = z.toJSONSchema(schema, { io }) as Json & { $defs?: Json };
    Object.assign(components, relocate($defs));
    const { id, ...rest } = relocate(own) as Json & { id?: string };
    if (id === undefined) return rest;
    components[id] = rest;
    return { $ref: `#/components/schemas/${id}` };
  };
  return { components, write };
};

const relocate = (schemas: Json): Json =>
  JSON.parse(JSON.stringify(schemas).replaceAll('"#/$defs/', '"#/components/schemas/')) as Json;

const problemSchema = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    code: z.enum(Object.keys(errorCatalogue)),
    request_id: z.string(),
    errors: z.array(z.object({ pointer: z.string(), code: z.string(), detail: z.string() })).optional(),
    'violated-policies': z.array(z.string()).optional().meta({ description: 'of rate_limited' }),
    error: z.string().optional().meta({ description: 'RFC 6749, for a request for tokens by form' }),
    error_description: z.string().optional(),
  })
  .meta({ id: 'Problem' });

/** A field of a request or a response, in OpenAPI. */
const header = (description: string): Json => ({ description, schema: { type: 'string' } });

const descriptions = {
  'If-Match': 'the ETag that was read, or *',
  'If-None-Match': 'the ETag of the copy that the client has',
  'If-None-Match: *': '*: only if it does not exist yet',
  Range: 'one range of bytes; several ranges are answered with the whole file',
  'If-Range': 'the ETag of the part that the client has; a different ETag is answered with the whole file',
};

const rangeHeaders = ['Range', 'If-Range'] as const;

/** The header fields that an operation reads, without those of the login. */
const headerParameters = ({ method, conditional = [], ranged }: Description): Json[] =>
  [...conditional, ...(ranged ? rangeHeaders : [])].map((name) => ({
    name,
    in: 'header',
    required: false,
    ...header(descriptions[name === 'If-None-Match' && method !== 'GET' ? 'If-None-Match: *' : name]),
  }));

const camelCase = (path: string): string =>
  path.replaceAll(/[^a-z]+(.)?/gi, (_, letter = '') => letter.toUpperCase());

const needsSession = (access: Access): boolean => access === 'session' || access.includes(':');

const securityOf = (access: Access) => {
  if (needsSession(access)) return [{ bearer: [] }, { cookie: [] }];
  if (access === 'client') return [{ client: [] }];
  return access === 'callback_secret' ? [{ scan_callback: [] }] : [];
};

/** Whether a request without a body is refused. The service takes a missing body for one without members (body.ts). */
const needsBody = ({ json, oauthForm, bytes }: Description): boolean =>
  bytes === true || !(json ?? oauthForm)?.safeParse({}).success;

/** What stands beside the summary, with the permission that the caller needs. */
const describe = ({ description, access }: Description): string =>
  access.includes(':') ? `${description} Needs the permission \`${access}\`.` : description;

/** The routes of the API; pages and local routes are left out of the document. */
const documented = (routes: readonly Route[]): Description[] =>
  routes.flatMap((each) => (each.tag === 'pages' || each.isLocal ? [] : [each]));

/** The OpenAPI 3.1 document of the routes. */
export const createOpenApi = (routes: readonly Route[]): Json => {
  const { components, write } = createSchemaWriter();
  const problem = write(problemSchema, 'output');

  const parameters = (schema: z.ZodObject | undefined, where: 'query' | 'path') =>
    Object.entries(schema?.shape ?? {}).map(([name, member]) => ({
      name,
      in: where,
      required: where === 'path' || !(member as z.ZodType).safeParse(undefined).success,
      schema: write(member as z.ZodType, 'input'),
    }));

  const bodies = (description: Description) => {
    const { json, oauthForm: form, bytes } = description;
    if (!json && !form && !bytes) return {};
    return {
      requestBody: {
        required: needsBody(description),
        content: {
          ...(json && { 'application/json': { schema: write(json, 'input') } }),
          // A file of any type; OpenAPI 3.1 has no schema for raw bytes.
          ...(bytes && { '*/*': {} }),
          ...(form && { 'application/x-www-form-urlencoded': { schema: write(form, 'input') } }),
        },
      },
    };
  };

  const failures = ({ method, errors, json, oauthForm, access }: Description) => {
    const codes: readonly ErrorCode[] = [
      ...errors,
      ...everywhere,
      ...(method === 'GET' ? [] : (['csrf_rejected'] as const)),
      ...(json || oauthForm ? withBody : []),
      ...(needsSession(access) ? withLogin : []),
      ...(access.includes(':') ? withPermission : []),
    ];
    const byStatus = Object.groupBy(new Set(codes), (code) => String(errorCatalogue[code].status));
    return Object.fromEntries(
      Object.entries(byStatus).map(([status, names]) => [
        status,
        {
          description: (names ?? []).join(', '),
          content: { 'application/problem+json': { schema: problem } },
        },
      ]),
    );
  };

  const success = ({ method, answers, conditional, ranged, tagged }: Description) => {
    const etag = tagged && { ETag: header('serves as If-Match') };
    const described = Object.fromEntries(
      Object.entries(answers).map(([status, { description, schema, mediaType = 'application/json' }]) => [
        status,
        {
          description,
          ...(etag && { headers: etag }),
          ...((schema || mediaType !== 'application/json') && {
            content: { [mediaType]: { schema: schema ? write(schema, 'output') : { type: 'string' } } },
          }),
        },
      ]),
    );
    return {
      ...described,
      ...(ranged && {
        206: {
          ...described[200],
          description: 'The range that was asked for',
          headers: { ...etag, 'Content-Range': header('the range of bytes, and the size of the whole file') },
        },
      }),
      ...(method === 'GET' &&
        conditional?.includes('If-None-Match') && {
          304: { description: 'The client has this version already', headers: etag },
        }),
    };
  };

  const paths: Record<string, Json> = {};
  for (const description of documented(routes)) {
    const { method, summary, tag, access, params, query } = description;
    const path = description.path.replaceAll(/:(\w+)/g, '{$1}');
    paths[path] = {
      ...paths[path],
      [method.toLowerCase()]: {
        operationId: method.toLowerCase() + camelCase(path),
        summary,
        description: describe(description),
        tags: [tag],
        security: securityOf(access),
        parameters: [
          ...parameters(params, 'path'),
          ...parameters(query, 'query'),
          ...headerParameters(description),
        ],
        ...bodies(description),
        responses: { ...success(description), ...failures(description) },
      },
    };
  }

  return {
    openapi: '3.1.0',
    info: { title: 'Itsor', version: '1', description: 'The account backend for the edge.' },
    paths,
    components: {
      schemas: components,
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' },
        cookie: { type: 'apiKey', in: 'cookie', name: 'itsor_session' },
        client: { type: 'http', scheme: 'basic' },
        scan_callback: { type: 'apiKey', in: 'header', name: callbackSecretHeader },
      },
    },
  };
};
