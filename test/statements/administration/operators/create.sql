with new_user as (
  insert into users (id, email, email_verified_at, username, password_hash, password_changed_at,
      created_at, updated_at)
  values ($1, $2, $3, $4, $5, $6, $7, $8)
  returning id
), new_roles as (
  insert into user_roles (user_id, role_name)
  select new_user.id, name from new_user, unnest($9::text[]) name
), audited as (
  insert into audit_events (id, type, actor_id, subject_id, created_at, ip, user_agent, request_id, details)
  select $10::uuid, $11, null::uuid, new_user.id, $12::timestamptz,
    $13::inet, $14, $15, jsonb_build_object('source', $16::text, 'roles', $17::text[]) from new_user
)
select new_user.id from new_user;
-- columns
--   id  uuid
-- parameters
--   $1   uuid                      '00000000-0000-7000-8000-000000000002'
--   $2   text                      'person@example.com'
--   $3   timestamp with time zone  2026-01-31T12:00:00.000Z
--   $4   text                      'person'
--   $5   text                      'a hash'
--   $6   timestamp with time zone  2026-01-31T12:00:00.000Z
--   $7   timestamp with time zone  2026-01-31T12:00:00.000Z
--   $8   timestamp with time zone  2026-01-31T12:00:00.000Z
--   $9   text[]                    ["user","admin"]
--   $10  uuid                      '00000000-0000-7000-8000-000000000001'
--   $11  text                      'account.created'
--   $12  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $13  inet                      '192.0.2.1'
--   $14  text                      'a browser'
--   $15  text                      'a request'
--   $16  text                      'a program'
--   $17  text[]                    ["user","admin"]
