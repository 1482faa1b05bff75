import { describe, expect, it } from 'vitest';
import { createClient } from '../support/worker/client.ts';

type Document = {
  readonly servers: readonly { readonly url: string }[];
  readonly paths: Readonly<
    Record<string, Readonly<Record<string, { readonly security: readonly object[] }>>>
  >;
  readonly components: { readonly securitySchemes: Readonly<Record<string, object>> };
};

const documentOf = async (variables: Record<string, string> = {}): Promise<Document> => {
  const response = await createClient(variables)('GET', '/openapi.json');
  expect(response.status).toBe(200);
  expect(response.headers.get('Cache-Control')).toBe('public, max-age=300');
  return response.json<Document>();
};

const securityOf = ({ paths }: Document, path: string) => paths[path]?.get?.security;

describe('GET /openapi.json describes the deployment that serves it', () => {
  it('has the names of the defaults, and the origin that the client has used', async () => {
    const document = await documentOf();
    expect(document.servers).toEqual([{ url: '/' }]);
    expect(document.components.securitySchemes).toMatchObject({
      bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' },
      cookie: { type: 'apiKey', in: 'cookie', name: 'itsor_session' },
      scan_callback: { type: 'apiKey', in: 'header' },
    });
    expect(securityOf(document, '/auth/me')).toEqual([{ bearer: [] }, { cookie: [] }]);
    expect(securityOf(document, '/health')).toEqual([]);
  });

  it('names the configured origin, cookie and header', async () => {
    const document = await documentOf({
      API_URL: 'https://api.example.com',
      SESSION_COOKIE_NAME: '__Host-acme',
      SESSION_COOKIE_SECURE: 'true',
      JWT_HEADER_NAME: 'X-Acme-Token',
      JWT_HEADER_TYPE: 'Acme',
    });
    expect(document.servers).toEqual([{ url: 'https://api.example.com' }]);
    expect(document.components.securitySchemes).toMatchObject({
      bearer: { type: 'apiKey', in: 'header', name: 'X-Acme-Token' },
      cookie: { type: 'apiKey', in: 'cookie', name: '__Host-acme' },
    });
    expect(JSON.stringify(document)).not.toContain('itsor_session');
  });

  it.each([
    ['headers', 'bearer', 'cookie'],
    ['cookies', 'cookie', 'bearer'],
  ])('with JWT_TOKEN_LOCATION=%s has only the scheme %s', async (location, kept, left) => {
    const document = await documentOf({ JWT_TOKEN_LOCATION: location });
    expect(document.components.securitySchemes).toHaveProperty(kept);
    expect(document.components.securitySchemes).not.toHaveProperty(left);
    expect(securityOf(document, '/auth/me')).toEqual([{ [kept]: [] }]);
    expect(JSON.stringify(document.paths)).not.toContain(`"${left}":[]`);
  });
});
