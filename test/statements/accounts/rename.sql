begin;

with
gate as (
  select session.id as session_id, account.id as user_id,
    case
    when (
        session.revoked_at is not null or session.expires_at <= $1::timestamptz
        or (session.created_at < coalesce((select not_before from session_cutoff),
            '-infinity'::timestamptz))) then 'session_revoked'
    when account.disabled_at is not null then 'account_disabled'
    when $2::boolean and account.email_verified_at is null then 'email_not_verified'
    end as refusal
  from
    sessions session join users account on account.id = session.user_id
  where session.id = $3 and account.id = $4
)
select account.id from gate join users account on account.id = gate.user_id
where gate.refusal is null for no key update of account;
-- columns
--   id  uuid
-- parameters
--   $1  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $2  boolean                   true
--   $3  uuid                      '00000000-0000-7000-8000-000000000011'
--   $4  uuid                      '00000000-0000-7000-8000-000000000010'

with
gate as (
  select session.id as session_id, account.id as user_id,
    case
    when (
        session.revoked_at is not null or session.expires_at <= $1::timestamptz
        or (session.created_at < coalesce((select not_before from session_cutoff),
            '-infinity'::timestamptz))) then 'session_revoked'
    when account.disabled_at is not null then 'account_disabled'
    when $2::boolean and account.email_verified_at is null then 'email_not_verified'
    end as refusal
  from
    sessions session join users account on account.id = session.user_id
  where session.id = $3 and account.id = $4
), renamed_account as (
  update users set username = $5, updated_at = $6
  from gate where gate.refusal is null and users.id = gate.user_id
  returning users.*
), audited as (
  insert into audit_events (id, type, actor_id, subject_id, created_at, ip, user_agent, request_id, details)
  select $7::uuid, $8, renamed_account.id, renamed_account.id, $9::timestamptz,
    $10::inet, $11, $12, jsonb_build_object('username', 'changed')
  from renamed_account
)
select coalesce(gate.refusal, case when renamed_account.id is null then 'session_revoked' end) as refusal,
  renamed_account.id, renamed_account.email, renamed_account.email_verified_at is not null as email_verified,
  renamed_account.username,
  renamed_account.created_at, renamed_account.password_changed_at, renamed_account.must_change_password,
  array(select held.role_name from user_roles held where held.user_id = renamed_account.id
    order by held.role_name) as roles,
  array(select distinct unnest(role.permissions) as permission
    from user_roles held join roles role on role.name = held.role_name
    where held.user_id = renamed_account.id order by permission) as permissions,
  array(select renamed_account.id from renamed_account) as changed_accounts
from gate left join renamed_account on true;
-- columns
--   refusal               text
--   id                    uuid
--   email                 text
--   email_verified        boolean
--   username              text
--   created_at            timestamp with time zone
--   password_changed_at   timestamp with time zone
--   must_change_password  boolean
--   roles                 text[]
--   permissions           text[]
--   changed_accounts      uuid[]
-- parameters
--   $1   timestamp with time zone  2026-01-31T12:00:00.000Z
--   $2   boolean                   true
--   $3   uuid                      '00000000-0000-7000-8000-000000000011'
--   $4   uuid                      '00000000-0000-7000-8000-000000000010'
--   $5   text                      'person'
--   $6   timestamp with time zone  2026-01-31T12:00:00.000Z
--   $7   uuid                      '00000000-0000-7000-8000-000000000001'
--   $8   text                      'account.changed'
--   $9   timestamp with time zone  2026-01-31T12:00:00.000Z
--   $10  inet                      '192.0.2.1'
--   $11  text                      'a browser'
--   $12  text                      'a request'

commit;
