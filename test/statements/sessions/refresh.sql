with stepped as (
  update sessions session set
    refresh_counter = session.refresh_counter + case when session.refresh_counter = $1 then 1 else 0 end,
    refreshed_at = case when session.refresh_counter = $2 then $3::timestamptz else session.refreshed_at end,
    expires_at = case when session.refresh_counter = $4
    then least($5::timestamptz, session.absolute_expires_at)
    else session.expires_at end,
    revoked_at = case when (
        session.refresh_counter > $6
        and not (
            session.refresh_counter = $7
            and session.refreshed_at >= $8)) then $9::timestamptz end,
    revoked_reason = case when (
        session.refresh_counter > $10
        and not (
            session.refresh_counter = $11
            and session.refreshed_at >= $12)) then 'refresh_reuse' end
  from users owner
  where session.id = $13 and session.refresh_counter >= $14
    and not (
        session.revoked_at is not null or session.expires_at <= $15::timestamptz
        or (session.created_at < coalesce((select not_before from session_cutoff), '-infinity'::timestamptz)))
    and owner.id = session.user_id and owner.disabled_at is null
    and (owner.email_verified_at is not null or not $16::boolean)
  returning session.*
), exposed_account as (
  select stepped.user_id as id from stepped where stepped.revoked_at is not null
), voided_tokens as (
  update one_time_tokens set used_at = $17, password_hash = null, username = null
  from (
    select free.id from one_time_tokens free join exposed_account on free.user_id = exposed_account.id
    where free.purpose = any($18::text[]) and free.used_at is null
    for no key update of free skip locked
  ) free_token where one_time_tokens.id = free_token.id
), audited as (
  insert into audit_events (id, type, actor_id, subject_id, created_at, ip, user_agent, request_id, details)
  select $19::uuid, $20, null::uuid, stepped.user_id, $21::timestamptz,
    $22::inet, $23, $24, jsonb_build_object('session_id', stepped.id) from stepped
  where stepped.revoked_at is not null
)
select
  case
  when stepped.revoked_at is not null then 'reused'
  when stepped.id is not null then 'refreshed'
  when account.disabled_at is not null then 'disabled'
  when before.revoked_at is null and account.email_verified_at is null and $25::boolean
  then 'unverified'
  when before.revoked_reason is null and before.expires_at <= $26 then 'expired'
  when before.refresh_counter < $27 then 'unknown'
  else 'revoked' end as kind,
  stepped.id as session_id, stepped.scope, stepped.refresh_counter, stepped.expires_at,
  account.id, account.email, account.email_verified_at is not null as email_verified, account.username,
  account.created_at, account.password_changed_at, account.must_change_password,
  array(select held.role_name from user_roles held where held.user_id = account.id order by held.role_name) as roles,
  array(select distinct unnest(role.permissions) as permission
    from user_roles held join roles role on role.name = held.role_name
    where held.user_id = account.id order by permission) as permissions
from sessions before
join users account on account.id = before.user_id
left join stepped on stepped.id = before.id
where before.id = $28;
-- columns
--   kind                  text
--   session_id            uuid
--   scope                 text
--   refresh_counter       integer
--   expires_at            timestamp with time zone
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
--   $1   integer                   1
--   $2   integer                   1
--   $3   timestamp with time zone  2026-01-31T12:00:00.000Z
--   $4   integer                   1
--   $5   timestamp with time zone  2026-01-31T13:00:00.000Z
--   $6   integer                   1
--   $7   integer                   2
--   $8   timestamp with time zone  2026-01-31T11:59:50.000Z
--   $9   timestamp with time zone  2026-01-31T12:00:00.000Z
--   $10  integer                   1
--   $11  integer                   2
--   $12  timestamp with time zone  2026-01-31T11:59:50.000Z
--   $13  uuid                      '00000000-0000-7000-8000-000000000011'
--   $14  integer                   1
--   $15  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $16  boolean                   true
--   $17  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $18  text[]                    ["change_email"]
--   $19  uuid                      '00000000-0000-7000-8000-000000000001'
--   $20  text                      'session.refresh_reused'
--   $21  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $22  inet                      '192.0.2.1'
--   $23  text                      'a browser'
--   $24  text                      'a request'
--   $25  boolean                   true
--   $26  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $27  integer                   1
--   $28  uuid                      '00000000-0000-7000-8000-000000000011'
