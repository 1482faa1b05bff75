with held as (
  select session.* from sessions session where session.id = $1 for no key update
), verdict as (
  select held.id, case
    when account.disabled_at is not null then 'disabled'
    when held.revoked_at is null and account.email_verified_at is null and $2::boolean
    then 'unverified'
    when held.revoked_reason is null and held.expires_at <= $3 then 'expired'
    when held.refresh_counter < $4 then 'unknown'
    when (
        held.revoked_at is not null or held.expires_at <= $5::timestamptz
        or (held.created_at < coalesce((select not_before from session_cutoff),
            '-infinity'::timestamptz))) then 'revoked'
    when held.refresh_counter = $6 then 'rotated'
    when (
        held.refresh_counter = $7
        and held.refreshed_at >= $8) then 'repeated'
    when (
        held.refresh_counter = $9 and held.late_device = $10::text
        and (select count(*) from (
          select answered_at from unnest(held.late_answered_at) answered_at
          where answered_at > $11::timestamptz) answer) < $12::int
        and (
            case held.late_counter
            when $13::int then held.late_steps
            when $14::int then held.late_steps + 1
            else 1 end) <= $15) then 'late'
    else 'reused' end as kind
  from held join users account on account.id = held.user_id
), rotated as (
  update sessions session set refresh_counter = session.refresh_counter + 1, refreshed_at = $16,
    expires_at = least($17::timestamptz, session.absolute_expires_at),
    late_device = $18::text
  from verdict where session.id = verdict.id and verdict.kind = 'rotated'
  returning session.id, session.refresh_counter, session.expires_at
), late as (
  update sessions session set
    late_answered_at = array(
      select answered_at from unnest(session.late_answered_at) answered_at
      where answered_at > $19::timestamptz) || $20::timestamptz,
    late_steps = (
        case session.late_counter
        when $21::int then session.late_steps
        when $22::int then session.late_steps + 1
        else 1 end), late_counter = $23
  from verdict where session.id = verdict.id and verdict.kind = 'late'
  returning session.id, session.user_id
), reused as (
  update sessions session set revoked_at = $24, revoked_reason = 'refresh_reuse'
  from verdict where session.id = verdict.id and verdict.kind = 'reused'
  returning session.id, session.user_id
), exposed_account as (
  select reused.user_id as id from reused
), voided_tokens as (
  update one_time_tokens set used_at = $25, password_hash = null, username = null
  from (
    select free.id from one_time_tokens free join exposed_account on free.user_id = exposed_account.id
    where free.purpose = any($26::text[]) and free.used_at is null
    for no key update of free skip locked
  ) free_token where one_time_tokens.id = free_token.id
), audited_late as (
  insert into audit_events (id, type, actor_id, subject_id, created_at, ip, user_agent, request_id, details)
  select $27::uuid, $28, null::uuid, late.user_id, $29::timestamptz,
    $30::inet, $31, $32, jsonb_build_object('session_id', late.id) from late
), audited_reuse as (
  insert into audit_events (id, type, actor_id, subject_id, created_at, ip, user_agent, request_id, details)
  select $33::uuid, $34, null::uuid, reused.user_id, $35::timestamptz,
    $36::inet, $37, $38, jsonb_build_object('session_id', reused.id) from reused
)
select verdict.kind, held.id as session_id, held.scope,
  coalesce(rotated.refresh_counter, held.refresh_counter) as refresh_counter,
  coalesce(rotated.expires_at, held.expires_at) as expires_at,
  account.id, account.email, account.email_verified_at is not null as email_verified, account.username,
  account.created_at, account.password_changed_at, account.must_change_password,
  array(select held.role_name from user_roles held where held.user_id = account.id order by held.role_name) as roles,
  array(select distinct unnest(role.permissions) as permission
    from user_roles held join roles role on role.name = held.role_name
    where held.user_id = account.id order by permission) as permissions
from held join verdict on verdict.id = held.id join users account on account.id = held.user_id
left join rotated on rotated.id = held.id;
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
--   $1   uuid                      '00000000-0000-7000-8000-000000000011'
--   $2   boolean                   true
--   $3   timestamp with time zone  2026-01-31T12:00:00.000Z
--   $4   integer                   1
--   $5   timestamp with time zone  2026-01-31T12:00:00.000Z
--   $6   integer                   1
--   $7   integer                   2
--   $8   timestamp with time zone  2026-01-31T11:59:50.000Z
--   $9   integer                   2
--   $10  text                      null
--   $11  timestamp with time zone  2026-01-30T12:00:00.000Z
--   $12  integer                   3
--   $13  integer                   1
--   $14  integer                   0
--   $15  integer                   10
--   $16  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $17  timestamp with time zone  2026-01-31T13:00:00.000Z
--   $18  text                      null
--   $19  timestamp with time zone  2026-01-30T12:00:00.000Z
--   $20  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $21  integer                   1
--   $22  integer                   0
--   $23  integer                   1
--   $24  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $25  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $26  text[]                    ["change_email"]
--   $27  uuid                      '00000000-0000-7000-8000-000000000001'
--   $28  text                      'session.refresh_late'
--   $29  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $30  inet                      '192.0.2.1'
--   $31  text                      'a browser'
--   $32  text                      'a request'
--   $33  uuid                      '00000000-0000-7000-8000-000000000002'
--   $34  text                      'session.refresh_reused'
--   $35  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $36  inet                      '192.0.2.1'
--   $37  text                      'a browser'
--   $38  text                      'a request'
