begin;

select account.id from sessions session join users account on account.id = session.user_id
where session.id = $1::uuid for no key update of account;
-- columns
--   id  uuid
-- parameters
--   $1  uuid  '00000000-0000-7000-8000-000000000011'

with held as (
  select session.id, session.user_id, case
    when (
        session.revoked_at is not null or session.expires_at <= $1::timestamptz
        or (session.created_at < coalesce((select not_before from session_cutoff),
            '-infinity'::timestamptz))) then 'session_revoked'
    when not (session.refresh_counter = $2 or (
        session.refresh_counter = $3
        and session.refreshed_at >= $4)) then 'refresh_token_invalid' end as refusal
  from sessions session join users owner on owner.id = session.user_id
  where session.id = $5
), ended as (
  update sessions set revoked_at = $6, revoked_reason = 'logout'
  from held
  where held.refusal is null and sessions.user_id = held.user_id and sessions.revoked_at is null
  returning sessions.id
), logged_out_account as (
  select held.user_id as id from held where held.refusal is null
), voided_tokens as (
  update one_time_tokens token set used_at = $7, password_hash = null, username = null
  from logged_out_account
  where token.user_id = logged_out_account.id and token.purpose = any($8::text[])
    and token.used_at is null and token.expires_at > $9::timestamptz and true
), audited as (
  insert into audit_events (id, type, actor_id, subject_id, created_at, ip, user_agent, request_id, details)
  select $10::uuid, $11, held.user_id, held.user_id, $12::timestamptz,
    $13::inet, $14, $15, jsonb_build_object('scope', $16::text, 'sessions', (select count(*) from ended)) from held
  where held.refusal is null
)
select held.refusal, array(select logged_out_account.id from logged_out_account) as changed_accounts from held;
-- columns
--   refusal           text
--   changed_accounts  uuid[]
-- parameters
--   $1   timestamp with time zone  2026-01-31T12:00:00.000Z
--   $2   integer                   1
--   $3   integer                   2
--   $4   timestamp with time zone  2026-01-31T11:59:50.000Z
--   $5   uuid                      '00000000-0000-7000-8000-000000000011'
--   $6   timestamp with time zone  2026-01-31T12:00:00.000Z
--   $7   timestamp with time zone  2026-01-31T12:00:00.000Z
--   $8   text[]                    ["change_email"]
--   $9   timestamp with time zone  2026-01-31T12:00:00.000Z
--   $10  uuid                      '00000000-0000-7000-8000-000000000001'
--   $11  text                      'session.ended'
--   $12  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $13  inet                      '192.0.2.1'
--   $14  text                      'a browser'
--   $15  text                      'a request'
--   $16  text                      'global'

commit;
