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
        held.refresh_counter = $9 and held.late_counter = $10
        and held.late_device = $11::text
        and held.late_answered_at[cardinality(held.late_answered_at)]
        >= $12) then 'repeated'
    when (
        held.refresh_counter = $13 and held.late_device = $14::text
        and coalesce(held.shared_at < $15, true)
        and (select count(*) from (
          select answered_at from unnest(held.late_answered_at) answered_at
          where answered_at > $16::timestamptz) answer) < $17::int
        and (
            case held.late_counter
            when $18::int then held.late_steps
            when $19::int then held.late_steps + 1
            else 1 end) <= $20) then 'late'
    else 'reused' end as kind
  from held join users account on account.id = held.user_id
), rotated as (
  update sessions session set refresh_counter = session.refresh_counter + 1, refreshed_at = $21,
    expires_at = least($22::timestamptz, session.absolute_expires_at),
    late_device = $23::text, refreshed_ip = $24::inet
  from verdict where session.id = verdict.id and verdict.kind = 'rotated'
  returning session.id, session.refresh_counter, session.expires_at
), shared as (
  update sessions session set shared_at = $25
  from verdict where session.id = verdict.id and verdict.kind = 'repeated'
    and network(set_masklen(coalesce(session.refreshed_ip, session.ip),
        case family(coalesce(session.refreshed_ip, session.ip)) when 4 then 24 else 64 end))
    is distinct from network(set_masklen($26::inet, case family($27::inet) when 4 then 24 else 64 end))
  returning session.id, session.user_id
), late as (
  update sessions session set
    late_answered_at = array(
      select answered_at from unnest(session.late_answered_at) answered_at
      where answered_at > $28::timestamptz) || $29::timestamptz,
    late_steps = (
        case session.late_counter
        when $30::int then session.late_steps
        when $31::int then session.late_steps + 1
        else 1 end), late_counter = $32
  from verdict where session.id = verdict.id and verdict.kind = 'late'
  returning session.id, session.user_id
), reused as (
  update sessions session set revoked_at = $33, revoked_reason = 'refresh_reuse'
  from verdict where session.id = verdict.id and verdict.kind = 'reused'
  returning session.id, session.user_id
), exposed_account as (
  select reused.user_id as id from reused
), voided_tokens as (
  update one_time_tokens set used_at = $34, password_hash = null, username = null
  from (
    select free.id from one_time_tokens free join exposed_account on free.user_id = exposed_account.id
    where free.purpose = any($35::text[]) and free.used_at is null and free.expires_at > $36::timestamptz
    for no key update of free skip locked
  ) free_token where one_time_tokens.id = free_token.id
), first_shared as (
  select shared.* from shared join held on held.id = shared.id where coalesce(held.shared_at < $37, true)
), audited_shared as (
  insert into audit_events (id, type, actor_id, subject_id, created_at, ip, user_agent, request_id, details)
  select $38::uuid, $39, null::uuid, first_shared.user_id, $40::timestamptz,
    $41::inet, $42, $43, jsonb_build_object('session_id', first_shared.id) from first_shared
), audited_late as (
  insert into audit_events (id, type, actor_id, subject_id, created_at, ip, user_agent, request_id, details)
  select $44::uuid, $45, null::uuid, late.user_id, $46::timestamptz,
    $47::inet, $48, $49, jsonb_build_object('session_id', late.id) from late
), audited_reuse as (
  insert into audit_events (id, type, actor_id, subject_id, created_at, ip, user_agent, request_id, details)
  select $50::uuid, $51, null::uuid, reused.user_id, $52::timestamptz,
    $53::inet, $54, $55, jsonb_build_object('session_id', reused.id) from reused
)
select verdict.kind, held.id as session_id, held.scope,
  coalesce(rotated.refresh_counter, held.refresh_counter) as refresh_counter,
  coalesce(rotated.expires_at, held.expires_at) as expires_at,
  account.id, account.email, account.email_verified_at is not null as email_verified, account.username,
  account.created_at, account.password_changed_at, account.must_change_password,
  array(select held.role_name from user_roles held where held.user_id = account.id order by held.role_name) as roles,
  array(select distinct unnest(role.permissions) as permission
    from user_roles held join roles role on role.name = held.role_name
    where held.user_id = account.id order by permission) as permissions,
  array(select reused.user_id from reused) as changed_accounts
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
--   changed_accounts      uuid[]
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
--   $10  integer                   1
--   $11  text                      null
--   $12  timestamp with time zone  2026-01-31T11:59:50.000Z
--   $13  integer                   2
--   $14  text                      null
--   $15  timestamp with time zone  2026-01-30T12:00:00.000Z
--   $16  timestamp with time zone  2026-01-30T12:00:00.000Z
--   $17  integer                   3
--   $18  integer                   1
--   $19  integer                   0
--   $20  integer                   10
--   $21  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $22  timestamp with time zone  2026-01-31T13:00:00.000Z
--   $23  text                      null
--   $24  inet                      '192.0.2.1'
--   $25  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $26  inet                      '192.0.2.1'
--   $27  inet                      '192.0.2.1'
--   $28  timestamp with time zone  2026-01-30T12:00:00.000Z
--   $29  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $30  integer                   1
--   $31  integer                   0
--   $32  integer                   1
--   $33  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $34  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $35  text[]                    ["change_email"]
--   $36  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $37  timestamp with time zone  2026-01-30T12:00:00.000Z
--   $38  uuid                      '00000000-0000-7000-8000-000000000001'
--   $39  text                      'session.refresh_shared'
--   $40  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $41  inet                      '192.0.2.1'
--   $42  text                      'a browser'
--   $43  text                      'a request'
--   $44  uuid                      '00000000-0000-7000-8000-000000000002'
--   $45  text                      'session.refresh_late'
--   $46  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $47  inet                      '192.0.2.1'
--   $48  text                      'a browser'
--   $49  text                      'a request'
--   $50  uuid                      '00000000-0000-7000-8000-000000000003'
--   $51  text                      'session.refresh_reused'
--   $52  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $53  inet                      '192.0.2.1'
--   $54  text                      'a browser'
--   $55  text                      'a request'
