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
), ended_session as (
  update sessions set revoked_at = $5, revoked_reason = 'revoked'
  from gate
  where gate.refusal is null and sessions.user_id = gate.user_id and sessions.id = $6
    and not (
        sessions.revoked_at is not null or sessions.expires_at <= $7::timestamptz
        or (sessions.created_at < coalesce((select not_before from session_cutoff), '-infinity'::timestamptz)))
  returning sessions.id, sessions.user_id
), session_owner as (
  select ended_session.user_id as id from ended_session
), voided_tokens as (
  update one_time_tokens token set used_at = $8, password_hash = null, username = null
  from session_owner
  where token.user_id = session_owner.id and token.purpose = any($9::text[])
    and token.used_at is null and token.expires_at > $10::timestamptz and true
), audited as (
  insert into audit_events (id, type, actor_id, subject_id, created_at, ip, user_agent, request_id, details)
  select $11::uuid, $12, ended_session.user_id, ended_session.user_id, $13::timestamptz,
    $14::inet, $15, $16, jsonb_build_object('session_id', ended_session.id) from ended_session
)
select gate.refusal, exists (select from ended_session) as ended,
  array(select ended_session.user_id from ended_session) as changed_accounts
from gate;
-- columns
--   refusal           text
--   ended             boolean
--   changed_accounts  uuid[]
-- parameters
--   $1   timestamp with time zone  2026-01-31T12:00:00.000Z
--   $2   boolean                   true
--   $3   uuid                      '00000000-0000-7000-8000-000000000011'
--   $4   uuid                      '00000000-0000-7000-8000-000000000010'
--   $5   timestamp with time zone  2026-01-31T12:00:00.000Z
--   $6   uuid                      '00000000-0000-7000-8000-000000000011'
--   $7   timestamp with time zone  2026-01-31T12:00:00.000Z
--   $8   timestamp with time zone  2026-01-31T12:00:00.000Z
--   $9   text[]                    ["change_email"]
--   $10  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $11  uuid                      '00000000-0000-7000-8000-000000000001'
--   $12  text                      'session.ended'
--   $13  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $14  inet                      '192.0.2.1'
--   $15  text                      'a browser'
--   $16  text                      'a request'

commit;
