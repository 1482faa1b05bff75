import { createClient } from './client.ts';

export const asJson = { 'Content-Type': 'application/json' };
export const asForm = { 'Content-Type': 'application/x-www-form-urlencoded' };
export const bytes = (text: string) => new TextEncoder().encode(text);

export const client = createClient({ RATE_LIMIT_MAX: '1000' });

type Body = BodyInit | null;
export const refresh = (body: Body, headers: Record<string, string> = asJson) =>
  client('POST', '/auth/refresh', { body, headers });
export const logIn = (body: Body, headers: Record<string, string> = asJson) =>
  client('POST', '/auth/token', { body, headers });

/** A refresh with this body has been understood: its 401 is about the token, not about the body. */
export const understood = '{"refresh_token":"x"}';
