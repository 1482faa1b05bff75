begin;

select account.id from sessions session join users account on account.id = session.user_id
where session.id = $1::uuid for no key update of account;
-- columns
--   id  uuid
-- parameters
--   $1  uuid  '00000000-0000-7000-8000-000000000011'

with held as (
  select session.id, session.user_id, session.refresh_counter from sessions session
  join users owner on owner.id = session.user_id
  where session.id = $1 and not (
      session.revoked_at is not null or session.expires_at <= $2::timestamptz
      or (session.created_at < coalesce((select not_before from session_cutoff), '-infinity'::timestamptz)))
), ended as (
  update sessions set revoked_at = $3, revoked_reason = 'logout'
  from held where sessions.id = held.id and sessions.revoked_at is null
  returning sessions.user_id
), audited as (
  insert into audit_events (id, type, actor_id, subject_id, created_at, ip, user_agent, request_id, details)
  select $4::uuid, $5, held.user_id, held.user_id, $6::timestamptz,
    $7::inet, $8, $9, jsonb_build_object('scope', $10::text, 'sessions', (select count(*) from ended)) || case
    when held.refresh_counter > $11::int
    then '{"outdated_token": true}'::jsonb else '{}'::jsonb end from held
)
select array(select session.user_id from sessions session where session.id = $12::uuid) as changed_accounts;
-- columns
--   changed_accounts  uuid[]
-- parameters
--   $1   uuid                      '00000000-0000-7000-8000-000000000011'
--   $2   timestamp with time zone  2026-01-31T12:00:00.000Z
--   $3   timestamp with time zone  2026-01-31T12:00:00.000Z
--   $4   uuid                      '00000000-0000-7000-8000-000000000001'
--   $5   text                      'session.ended'
--   $6   timestamp with time zone  2026-01-31T12:00:00.000Z
--   $7   inet                      '192.0.2.1'
--   $8   text                      'a browser'
--   $9   text                      'a request'
--   $10  text                      'local'
--   $11  integer                   1
--   $12  uuid                      '00000000-0000-7000-8000-000000000011'

commit;
