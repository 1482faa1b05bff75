import { env } from 'cloudflare:test';
import { createOneTimeTokens } from '../../../src/emails/one-time-tokens.ts';
import type { TokenPurpose } from '../../../src/emails/rules.ts';
import { loadConfig } from '../../../src/platform/config/load.ts';
import { createMacKeys } from '../../../src/platform/crypto/derived-keys.ts';
import { sql } from './database.ts';

const loaded = loadConfig(env);
if (!loaded.ok) throw new Error('the tests are misconfigured');
const tokens = createOneTimeTokens(createMacKeys([loaded.config.session.secretKey], 'one-time-token'));

type Mail = { id: string; template: string; recipient: string; details: Record<string, string> };

/** The mails to an address in the outbox, newest first. */
export const mailsTo = async (recipient: string): Promise<Mail[]> =>
  (await sql`select id, template, recipient, details from outbox where recipient = ${recipient} order by created_at desc, id desc`) as Mail[];

const newest = async (recipient: string, template: string): Promise<string> => {
  const mail = (await mailsTo(recipient)).find((each) => each.template === template);
  if (!mail?.details.token_id) throw new Error(`no ${template} for ${recipient}`);
  return mail.details.token_id;
};

/** The token in the link of the newest mail of a template. */
export const tokenIn = async (recipient: string, template: string, purpose: TokenPurpose): Promise<string> =>
  tokens.token(await newest(recipient, template), purpose);

/** The six digits in the newest verification mail. */
export const codeIn = async (recipient: string): Promise<string> =>
  tokens.code(await newest(recipient, 'verify_email'));

/** The token of a row. */
export const tokenOf = (id: string, purpose: TokenPurpose): Promise<string> => tokens.token(id, purpose);

/** A valid token of a row that does not exist. */
export const strayToken = (purpose: TokenPurpose): Promise<string> => tokenOf(crypto.randomUUID(), purpose);

/** Marks an address as proved, like its owner with a link. */
export const proveAddress = async (email: string): Promise<void> => {
  await sql`update users set email_verified_at = now() where email = ${email}`;
};
