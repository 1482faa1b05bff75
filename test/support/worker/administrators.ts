import type { Permission } from '../../../src/platform/rules/permissions.ts';
import { type Client, newAccount, type Tokens } from './client.ts';
import { sql } from './database.ts';

let lastRole = 0;

/** A role of its own with those permissions. @returns its name */
export const newRole = async (...permissions: readonly Permission[]): Promise<string> => {
  const name = `role-${crypto.randomUUID().slice(0, 8)}-${++lastRole}`;
  await sql`insert into roles (name, permissions, created_at) values (${name}, ${permissions}, now())`;
  return name;
};

const give = async ({ user }: Tokens, ...roles: readonly string[]): Promise<void> => {
  await sql`insert into user_roles (user_id, role_name) select ${user.id}, unnest(${roles}::text[])`;
};

/** A new account that has those roles too, logged in. */
export const newAccountWith = async (
  client: Client,
  ...roles: readonly string[]
): Promise<Required<Tokens>> => {
  const account = await newAccount(client);
  await give(account, ...roles);
  return account;
};

/** An administrator. There is always another one, so that no test meets the last of all. */
export const newAdmin = async (client: Client): Promise<Required<Tokens>> => newAccountWith(client, 'admin');

/** An account that may do just that. */
export const newAccountAllowed = async (
  client: Client,
  ...permissions: readonly Permission[]
): Promise<Required<Tokens>> => {
  const account = await newAccount(client);
  const role = await newRole(...permissions);
  await give(account, role);
  return { ...account, user: { ...account.user, roles: [role, 'user'] } };
};

type Event = {
  type: string;
  request_id: string;
  actor_id: string | null;
  subject_id: string | null;
  ip: string | null;
} & {
  user_agent: string | null;
  details: Record<string, unknown>;
};

/** The audit events about an account, oldest first. */
export const eventsAbout = async (subjectId: string): Promise<Event[]> =>
  (await sql`select type, actor_id, subject_id, host(ip) as ip, user_agent, request_id, details from audit_events
             where subject_id = ${subjectId} order by id`) as Event[];
