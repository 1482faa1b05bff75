import { newEmail } from '../client.ts';
import type { Endpoint, OpenApi, Schema } from './openapi.ts';
import { standInFor } from './stand-ins.ts';

export type GeneratedRequest = {
  /** The key of the endpoint that it is meant for. */
  readonly endpoint: string;
  readonly method: string;
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array | null;
};

/** One place of one route where a client can put a text; the rest of the request is good. */
export type Field = {
  readonly name: string;
  readonly requestWith: (text: string) => GeneratedRequest;
};

type Members = Record<string, unknown>;

const json = 'application/json';
const identities = ['identifier', 'email', 'username'];

const goodValue = (name: string, schema: Schema): unknown => {
  if (schema.const !== undefined) return schema.const;
  if (schema.enum) return schema.enum[0];
  if (schema.format === 'email') return newEmail();
  if (schema.format === 'password') return '$password';
  return standInFor(name) ?? 'x'.repeat(schema.minLength ?? 1);
};

/** Every required member but the one that is looked at, and who logs in, which no schema can ask for. */
const goodMembers = ({ properties = {}, required = [] }: Schema, except: string): Members => {
  const names = required.filter((name) => name !== except);
  const members = Object.fromEntries(names.map((name) => [name, goodValue(name, properties[name] ?? {})]));
  const lacksIdentity = 'identifier' in properties && !identities.includes(except);
  return lacksIdentity ? { ...members, identifier: '$email' } : members;
};

const variantsOf = (schema: Schema): readonly Schema[] => schema.oneOf ?? schema.anyOf ?? [schema];

const write = (members: Members, mediaType: string): string => {
  if (mediaType === json) return JSON.stringify(members);
  const pairs = Object.entries(members).map(([name, value]): [string, string] => [name, String(value)]);
  return new URLSearchParams(pairs).toString();
};

const credentialOf = ({ authenticated }: Endpoint): Record<string, string> =>
  authenticated ? { Authorization: 'Bearer $access_token' } : {};

const bodyFields = (endpoint: Endpoint): Field[] =>
  endpoint.bodies.flatMap(({ mediaType, schema }) =>
    variantsOf(schema).flatMap((variant) =>
      Object.keys(variant.properties ?? {}).map((member) => ({
        name: `${member} of ${endpoint.key} as ${mediaType.replace(/.*[/-]/, '')}`,
        requestWith: (text: string) => ({
          endpoint: endpoint.key,
          method: endpoint.method,
          target: endpoint.path,
          headers: { 'Content-Type': mediaType, ...credentialOf(endpoint) },
          body: write({ ...goodMembers(variant, member), [member]: text }, mediaType),
        }),
      })),
    ),
  );

const parameterFields = (endpoint: Endpoint): Field[] =>
  endpoint.parameters.map(({ name, in: where }) => ({
    name: `${name} of ${endpoint.key}`,
    requestWith: (text) => {
      const value = encodeURIComponent(text.toWellFormed());
      const target =
        where === 'path'
          ? endpoint.path.replace(`{${name}}`, () => value)
          : `${endpoint.path}?${name}=${value}`;
      const { key, method } = endpoint;
      return { endpoint: key, method, target, headers: credentialOf(endpoint), body: null };
    },
  }));

export const fieldsOf = ({ endpoints }: OpenApi): readonly Field[] =>
  endpoints.flatMap((endpoint) => [...bodyFields(endpoint), ...parameterFields(endpoint)]);
