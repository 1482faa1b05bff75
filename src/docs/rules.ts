type Operation = { readonly security: readonly Readonly<Record<string, readonly string[]>>[] };

/** The parts of the OpenAPI document that depend on the configuration. */
export type OpenApi = {
  readonly servers?: readonly { readonly url: string }[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly securitySchemes: Readonly<Record<string, object>> };
};

/** Where clients find a deployment, and how they send it an access token; null: not in that way. */
export type Deployment = {
  readonly url: string;
  readonly header: { readonly name: string; readonly type: string } | null;
  readonly cookieName: string | null;
};

const mapValues = <Value, Result>(
  record: Readonly<Record<string, Value>>,
  change: (value: Value) => Result,
): Readonly<Record<string, Result>> =>
  Object.fromEntries(Object.entries(record).map(([name, value]) => [name, change(value)]));

const headerScheme = ({ name, type }: NonNullable<Deployment['header']>): object =>
  name.toLowerCase() === 'authorization'
    ? { type: 'http', scheme: type.toLowerCase(), bearerFormat: 'JWT' }
    : { type: 'apiKey', in: 'header', name, description: `The access token after \`${type} \`.` };

/** The document of every deployment, with the address, the header and the cookie of this one. */
export const describeDeployment = (document: OpenApi, { url, header, cookieName }: Deployment): OpenApi => {
  const { bearer: _, cookie: __, ...others } = document.components.securitySchemes;
  const securitySchemes: Record<string, object> = {
    ...(header && { bearer: headerScheme(header) }),
    ...(cookieName !== null && { cookie: { type: 'apiKey', in: 'cookie', name: cookieName } }),
    ...others,
  };
  const isServed = (requirement: object) => Object.keys(requirement).every((name) => name in securitySchemes);

  return {
    ...document,
    servers: [{ url }],
    paths: mapValues(document.paths, (operations) =>
      mapValues(operations, (operation) => ({
        ...operation,
        security: operation.security.filter(isServed),
      })),
    ),
    components: { ...document.components, securitySchemes },
  };
};
