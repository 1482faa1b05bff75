import { describe, expect, it } from 'vitest';
import { inspectProviders } from '../../scripts/doctor/providers.ts';
import { configOf } from './config-fixtures.ts';

const issuer = 'https://idp.example';
const secret = 'hunter2';
const document = {
  issuer,
  authorization_endpoint: `${issuer}/authorize`,
  token_endpoint: `${issuer}/token`,
  jwks_uri: `${issuer}/jwks`,
  response_types_supported: ['code'],
  scopes_supported: ['openid', 'email', 'profile'],
  token_endpoint_auth_methods_supported: ['client_secret_basic'],
};

const inspect = async (answer: () => Response | Promise<Response>, entry: object = {}) => {
  const asked: string[] = [];
  const provider = { id: 'acme', issuer, client_id: 'c', client_secret: secret, ...entry };
  const { providers } = configOf({ OIDC_PROVIDERS: JSON.stringify([provider]) }).oidc;
  const [finding] = await inspectProviders(providers, async (url, init) => {
    asked.push(`${init?.redirect} ${url}`);
    return answer();
  });
  expect(JSON.stringify(finding)).not.toContain(secret);
  return { ...finding, asked };
};
const answering = (changed: object) => () => Response.json({ ...document, ...changed });

describe('the doctor’s question to a provider of single sign-on', () => {
  it('goes to the discovery document, as the Worker’s does', async () => {
    const { asked, level, check } = await inspect(answering({}));
    expect([level, check]).toEqual(['ok', 'sso acme']);
    expect(asked).toEqual([`manual ${issuer}/.well-known/openid-configuration`]);
  });

  it.each<[string, object, object, string]>([
    [
      'a provider for every tenant, as Entra’s common',
      { issuer: 'https://login.microsoftonline.com/{tenantid}/v2.0' },
      { issuer: 'https://login.microsoftonline.com/common/v2.0' },
      'use the issuer of one tenant',
    ],
    ['an issuer that ends with a slash', { issuer: `${issuer}/` }, {}, `write its issuer as ${issuer}/`],
    ['an issuer without its slash', {}, { issuer: `${issuer}/` }, `write its issuer as ${issuer},`],
    ['another issuer', { issuer: 'https://other.example' }, {}, 'names itself https://other.example'],
    ['a document without endpoints', { token_endpoint: undefined }, {}, 'no valid token_endpoint'],
    ['a plain endpoint', { jwks_uri: 'http://idp.example/jwks' }, {}, 'its jwks_uri is no https URL'],
    ['answers by form_post only', { response_modes_supported: ['form_post'] }, {}, 'no form_post'],
    ['no code flow', { response_types_supported: ['id_token'] }, {}, 'no response type code'],
    [
      'an authentication that Itsor does not have',
      { token_endpoint_auth_methods_supported: ['private_key_jwt'] },
      {},
      'it takes private_key_jwt',
    ],
    [
      'a chosen authentication that the provider does not take',
      {},
      { token_endpoint_auth_method: 'client_secret_post' },
      'Itsor would send client_secret_post',
    ],
    [
      'Sign in with Apple',
      { issuer: 'https://appleid.apple.com' },
      { issuer: 'https://appleid.apple.com' },
      'Sign in with Apple',
    ],
  ])('fails for %s', async (_, changed, entry, words) => {
    expect(await inspect(answering(changed), entry)).toMatchObject({
      level: 'failure',
      detail: expect.stringContaining(words),
    });
  });

  it('passes Basic that is not percent-encoded where the document names Basic', async () => {
    const entry = { token_endpoint_auth_method: 'client_secret_basic_raw' };
    expect(await inspect(answering({}), entry)).toMatchObject({ level: 'ok' });
  });

  it.each<[string, () => Response | Promise<Response>]>([
    ['does not answer', () => Promise.reject(new TypeError('fetch failed'))],
    ['has no document', () => new Response('', { status: 404 })],
    [
      'leads elsewhere',
      () => new Response('', { status: 302, headers: { Location: 'https://evil.example' } }),
    ],
    ['has a page in its place', () => new Response('<html>')],
    ['answers without an end', () => new Response('a'.repeat(300_000))],
    ['does not name a scope that is asked for', answering({ scopes_supported: ['openid'] })],
    ['does not name S256', answering({ code_challenge_methods_supported: ['plain'] })],
  ])('warns where it %s, so that a deployment goes on', async (_, answer) => {
    expect(await inspect(answer)).toMatchObject({ level: 'warning' });
  });
});
