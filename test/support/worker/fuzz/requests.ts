import fc from 'fast-check';
import { bodyOf, strayBody } from './bodies.ts';
import { conforming } from './conforming.ts';
import { fieldsOf, type GeneratedRequest } from './fields.ts';
import { hostileName, hostileText, weighted } from './hostile.ts';
import type { Endpoint, OpenApi } from './openapi.ts';
import { standInFor } from './stand-ins.ts';

const encode = (value: unknown): string =>
  encodeURIComponent(String(value).toWellFormed()).replaceAll('%24', '$');

const parameterValue = (
  { name, schema }: Endpoint['parameters'][number],
  path: string,
): fc.Arbitrary<string> =>
  weighted<unknown>(
    [2, fc.constant(standInFor(name, path) ?? 'x')],
    [4, conforming(schema)],
    [2, hostileText],
  ).map(encode);

const pathOf = ({ path, parameters }: Endpoint): fc.Arbitrary<string> => {
  const segments = parameters.filter((parameter) => parameter.in === 'path');
  return fc
    .tuple(...segments.map((segment) => parameterValue(segment, path)))
    .map((values) =>
      segments.reduce(
        (filled, { name }, index) => filled.replace(`{${name}}`, () => values[index] ?? ''),
        path,
      ),
    );
};

const queryOf = ({ path, parameters }: Endpoint): fc.Arbitrary<string> => {
  const pairs = parameters
    .filter((parameter) => parameter.in === 'query')
    .map((parameter) => parameterValue(parameter, path).map((value) => `${parameter.name}=${value}`));
  const stray = fc.tuple(hostileName, hostileText).map(([name, value]) => `${encode(name)}=${encode(value)}`);
  return weighted<string>(
    [4, fc.constant('')],
    [4, fc.tuple(...pairs).map((chosen) => chosen.join('&'))],
    [2, fc.tuple(...pairs, ...pairs, stray).map((chosen) => chosen.join('&'))],
    [1, hostileText.map((text) => encodeURI(text.toWellFormed()).replaceAll('#', '%23'))],
  );
};

const credentials = fc.constantFrom<Record<string, string>>(
  {},
  { Authorization: 'Bearer $access_token' },
  { Authorization: 'Bearer $access_token' },
  { Cookie: 'itsor_session=$access_token; itsor_session_refresh=$refresh_token' },
  { Cookie: 'itsor_session_refresh=$refresh_token' },
  { Cookie: 'itsor_session=$access_token; itsor_session=x' },
  { Authorization: 'Bearer a.b.c', Cookie: 'itsor_session=$access_token' },
  { Authorization: 'Basic YTpi' },
);

const strayHeaders = fc.constantFrom<Record<string, string>>(
  {},
  {},
  {},
  { Origin: 'https://evil.example' },
  { Origin: 'http://127.0.0.1:3000', 'Access-Control-Request-Method': 'POST' },
  { 'X-HTTP-Method-Override': 'DELETE', 'X-Forwarded-For': '127.0.0.1', 'X-Forwarded-Host': 'evil.example' },
  { Accept: 'application/json', 'User-Agent': '%00'.repeat(300), 'X-Request-ID': '../../etc' },
  { 'Content-Encoding': 'gzip', 'Transfer-Encoding': 'chunked', 'Content-Length': '3' },
  { 'CF-Connecting-IP': '::ffff:1.2.3.4.5' },
);

const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'PROPFIND'];
const bodiless: ReadonlySet<string> = new Set(['GET', 'HEAD', 'TRACE']);

const requestTo = (endpoint: Endpoint): fc.Arbitrary<GeneratedRequest> =>
  fc
    .record({
      method: weighted([10, fc.constant(endpoint.method)], [1, fc.constantFrom(...methods)]),
      path: pathOf(endpoint),
      query: queryOf(endpoint),
      credential: credentials,
      stray: strayHeaders,
      body: endpoint.bodies.length > 0 ? fc.oneof(...endpoint.bodies.map(bodyOf)) : strayBody,
    })
    .map(({ method, path, query, credential, stray, body }) => {
      const sent = bodiless.has(method) ? null : body;
      return {
        endpoint: endpoint.key,
        method,
        target: query === '' ? path : `${path}?${query}`,
        headers: { ...stray, ...credential, ...(sent?.type && { 'Content-Type': sent.type }) },
        body: sent?.content ?? null,
      };
    });

/** Good requests with a hostile text in one field, which nothing else in them keeps from where it could harm. */
const inOneField = (openApi: OpenApi): fc.Arbitrary<GeneratedRequest> =>
  fc
    .tuple(fc.constantFrom(...fieldsOf(openApi)), hostileText)
    .map(([field, text]) => field.requestWith(text));

/** Requests to what a document describes: good ones, nearly good ones, and nothing like it. */
export const requestsOf = (openApi: OpenApi): fc.Arbitrary<GeneratedRequest> => {
  const toEndpoints = openApi.endpoints.map((endpoint) => {
    const inputs = 4 * endpoint.bodies.length + 2 * endpoint.parameters.length;
    return [1 + inputs, requestTo(endpoint)] as const;
  });
  return weighted([3, weighted(...toEndpoints)], [1, inOneField(openApi)]);
};
