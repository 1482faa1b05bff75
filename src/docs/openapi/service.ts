import { FeatureFlags } from '../../flags/schema.ts';
import { Health, Readiness } from '../../health/schema.ts';
import { MailboxList } from '../../mail/schema.ts';
import { AssetParams } from '../schema.ts';
import type { Operation } from './operation.ts';

export const service = {
  'GET /health': {
    summary: 'The service answers',
    tag: 'service',
    auth: 'none',
    response: { status: 200, description: 'It does', schema: Health },
    errors: [],
  },
  'GET /healthz': {
    summary: 'The process answers, configured or not',
    tag: 'service',
    auth: 'none',
    response: { status: 200, description: 'It does', schema: Health },
    errors: [],
  },
  'GET /readyz': {
    summary:
      'Every part that a request may need answers; 503 with the same body where one does not that all need',
    tag: 'service',
    auth: 'none',
    response: { status: 200, description: 'Those that all need do', schema: Readiness },
    errors: [],
  },
  'GET /dev/mailbox': {
    isLocal: true,
    summary: 'The e-mails that were captured, as a page or as JSON; in local environments only',
    tag: 'service',
    auth: 'none',
    response: { status: 200, description: 'The last 50, newest first', schema: MailboxList },
    errors: ['not_found'],
  },
  'GET /.well-known/jwks.json': {
    summary: 'The public keys of the access tokens (RFC 7517)',
    tag: 'service',
    auth: 'none',
    response: { status: 200, description: 'A JWK set; empty under HS256, HS384 and HS512' },
    errors: [],
  },
  'GET /flags': {
    summary: 'The feature flags',
    tag: 'service',
    auth: 'none',
    response: { status: 200, description: 'Every flag, on or off', schema: FeatureFlags },
    errors: [],
  },
  'GET /openapi.json': {
    summary: 'This document',
    tag: 'service',
    auth: 'none',
    response: { status: 200, description: 'OpenAPI 3.1' },
    errors: [],
  },
  'GET /docs': {
    summary: 'The API reference as a page',
    tag: 'service',
    auth: 'none',
    response: { status: 200, description: 'A page', mediaType: 'text/html' },
    errors: [],
  },
  'GET /docs/errors': {
    summary: 'The error codes as a page; the `type` of a problem leads here',
    tag: 'service',
    auth: 'none',
    response: { status: 200, description: 'A page', mediaType: 'text/html' },
    errors: [],
  },
  'GET /docs/assets/{file}': {
    summary: "The files of the API reference's viewer",
    tag: 'service',
    auth: 'none',
    params: AssetParams,
    response: { status: 200, description: 'A script or a style sheet', mediaType: 'text/javascript' },
    errors: ['not_found'],
  },
} as const satisfies Record<string, Operation>;
