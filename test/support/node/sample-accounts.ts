import { randomBytes } from 'node:crypto';
import type { Client } from 'pg';
import { loadGroup } from '../../../scripts/admin/config-group.ts';
import { hashPassword } from '../../../scripts/admin/passwords.ts';

export type SampleAccount = { readonly email: string; readonly password: string };

/** Accounts with a row in every table and names in several scripts. The app's code writes none of them. */
const fill = [
  `insert into users (id, email, email_verified_at, username, password_hash, password_changed_at, disabled_at, created_at, updated_at)
   select gen_random_uuid(), 'sample' || n || '@example.com', case when n % 3 > 0 then now() end, case when n % 2 = 0 then 'sample' || n end,
     $1, now(), case when n % 20 = 0 then now() end, now() - n * interval '1 hour', now()
   from generate_series(1, $2::int) n`,
  `insert into user_roles select id, 'user' from users`,
  `insert into identities select gen_random_uuid(), id, 'https://accounts.example.com', 'sub|' || id, true, now(), now() from users`,
  `insert into sessions (id, user_id, refreshed_at, created_at, expires_at, absolute_expires_at, ip, user_agent)
   select gen_random_uuid(), id, now(), now(), now() + interval '7 days', now() + interval '30 days', '2001:db8::7', 'Mozilla/5.0 "naïve" 🦊' || chr(8232) from users`,
  `insert into one_time_tokens (id, user_id, purpose, email, code_attempts, created_at, expires_at)
   select gen_random_uuid(), id, 'verify_email', email, 0, now(), now() + interval '1 day' from users where email_verified_at is null`,
  `insert into outbox (id, user_id, recipient, template, details, created_at, next_attempt_at, sent_at)
   select gen_random_uuid(), id, email, 'verify_email', '{"quote": "\\"", "line": "a\\nb", "small": 1.50}', now(), now(), now() from users`,
  `insert into audit_events (id, type, actor_id, subject_id, created_at, ip, request_id, details)
   select gen_random_uuid(), 'account.created', id, id, created_at, '198.51.100.7', 'drill', '{"name": "Zoë, 山田"}' from users`,
  `insert into upload_usage select id, 1, 1024 from users`,
  `insert into uploads (id, user_id, filename, content_type, size, sha256, status, object_name, next_attempt_at, created_at, updated_at, expires_at)
   select gen_random_uuid(), id, 'résumé.pdf', 'application/pdf', 1024, repeat('ab', 32), 'pending', 'sample', now() + interval '15 minutes', now(), now(), now() + interval '15 minutes' from users`,
];

/** Fills a migrated, empty database. @returns an account that can log in */
export const fillWithSamples = async (client: Client, accounts: number): Promise<SampleAccount> => {
  const password = `drill ${randomBytes(18).toString('base64url')}`;
  const hash = await hashPassword(password, loadGroup({}, 'Passwords').password);
  const [users = '', ...others] = fill;
  await client.query(users, [hash, accounts]);
  for (const statement of others) await client.query(statement);
  return { email: 'sample1@example.com', password };
};
