import { newAdmin } from '../administrators.ts';
import type { Client, Tokens } from '../client.ts';
import type { GeneratedRequest } from './fields.ts';
import { fillIn } from './stand-ins.ts';

/** An account whose facts fill the stand-ins of generated requests. */
export type Holder = { readonly account: Required<Tokens>; readonly sessionId: string };

/** An account whose own routes and, as an administrator's, all others can be reached. */
export const openHolder = async (client: Client): Promise<Holder> => {
  const account = await newAdmin(client);
  const sessions = await client('GET', '/auth/sessions', { bearer: account.access_token });
  const { items } = await sessions.json<{ items: { id: string }[] }>();
  return { account, sessionId: items[0]?.id ?? '' };
};

/** Sends a generated request as a holder, from an address that it may name itself. */
export const sendAs = async (
  client: Client,
  { account, sessionId }: Holder,
  address: string,
  { method, target, headers, body }: GeneratedRequest,
): Promise<Response> => {
  const fill = (text: string) => fillIn(text, account, sessionId);
  const filled = Object.entries(headers).map(([name, value]) => [name, fill(value)]);
  return client(method, fill(target), {
    headers: { 'CF-Connecting-IP': address, ...Object.fromEntries(filled) },
    body: typeof body === 'string' ? fill(body) : body,
  });
};
