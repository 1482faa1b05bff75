select
  case
  when (
      session.revoked_at is not null or session.expires_at <= $1::timestamptz
      or (session.created_at < coalesce((select not_before from session_cutoff),
          '-infinity'::timestamptz))) then 'session_revoked'
  when account.disabled_at is not null then 'account_disabled'
  when $2::boolean and account.email_verified_at is null then 'email_not_verified'
  end as refusal, session.expires_at as session_expires_at,
  account.id, account.email, account.email_verified_at is not null as email_verified, account.username,
  account.created_at, account.password_changed_at, account.must_change_password,
  array(select held.role_name from user_roles held where held.user_id = account.id order by held.role_name) as roles,
  array(select distinct unnest(role.permissions) as permission
    from user_roles held join roles role on role.name = held.role_name
    where held.user_id = account.id order by permission) as permissions
from
  sessions session join users account on account.id = session.user_id
where session.id = $3 and account.id = $4;
-- columns
--   refusal               text
--   session_expires_at    timestamp with time zone
--   id                    uuid
--   email                 text
--   email_verified        boolean
--   username              text
--   created_at            timestamp with time zone
--   password_changed_at   timestamp with time zone
--   must_change_password  boolean
--   roles                 text[]
--   permissions           text[]
-- parameters
--   $1  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $2  boolean                   false
--   $3  uuid                      '00000000-0000-7000-8000-000000000011'
--   $4  uuid                      '00000000-0000-7000-8000-000000000010'
