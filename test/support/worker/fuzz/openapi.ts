import type { Client } from '../client.ts';

/** As much of JSON Schema (2020-12) as the document uses. */
export type Schema = {
  readonly $ref?: string;
  readonly type?: 'object' | 'array' | 'string' | 'integer' | 'number' | 'boolean' | 'null';
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly oneOf?: readonly Schema[];
  readonly anyOf?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly format?: string;
  readonly pattern?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
};

type Content = Readonly<Record<string, { readonly schema?: Schema }>>;

export type Endpoint = {
  /** `POST /auth/signup` */
  readonly key: string;
  readonly method: string;
  readonly path: string;
  /** Whether it needs an access token. */
  readonly authenticated: boolean;
  readonly parameters: readonly {
    readonly name: string;
    readonly in: 'path' | 'query';
    readonly schema: Schema;
  }[];
  readonly bodies: readonly { readonly mediaType: string; readonly schema: Schema }[];
  readonly responses: Readonly<Record<string, { readonly content?: Content }>>;
};

export type OpenApi = {
  readonly endpoints: readonly Endpoint[];
  readonly schemas: Readonly<Record<string, Schema>>;
};

type Described = Pick<Endpoint, 'parameters' | 'responses'> & {
  readonly security: readonly unknown[];
  readonly requestBody?: { readonly content: Content };
};
type Document = {
  readonly paths: Record<string, Record<string, Described>>;
  readonly components: { readonly schemas: Record<string, Schema> };
};

/** What the service says of itself. */
export const readOpenApi = async (client: Client): Promise<OpenApi> => {
  const { paths, components } = await (await client('GET', '/openapi.json')).json<Document>();
  const endpoints = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([name, { parameters: described, responses, requestBody, security }]) => {
      // Headers are made by their own generator.
      const parameters = described.filter(({ in: where }) => where === 'path' || where === 'query');
      const method = name.toUpperCase();
      const contents = Object.entries(requestBody?.content ?? {});
      // What has no schema is a file: any bytes are as good as any others.
      const bodies = contents.flatMap(([mediaType, { schema }]) => (schema ? [{ mediaType, schema }] : []));
      const authenticated = security.length > 0;
      return { key: `${method} ${path}`, method, path, authenticated, parameters, bodies, responses };
    }),
  );
  return { endpoints, schemas: components.schemas };
};
