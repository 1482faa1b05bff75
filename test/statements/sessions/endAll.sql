with moved_cutoff as (
  insert into session_cutoff as cutoff (id, not_before)
  values (1, statement_timestamp() + $1::int * interval '1 second')
  on conflict (id) do update set not_before = greatest(cutoff.not_before, excluded.not_before)
  returning cutoff.not_before
), audited as (
  insert into audit_events (id, type, actor_id, subject_id, created_at, ip, user_agent, request_id, details)
  select $2::uuid, $3, null::uuid, null::uuid, $4::timestamptz,
    $5::inet, $6, $7, '{}'::jsonb from moved_cutoff
)
select not_before from moved_cutoff;
-- columns
--   not_before  timestamp with time zone
-- parameters
--   $1  integer                   5
--   $2  uuid                      '00000000-0000-7000-8000-000000000001'
--   $3  text                      'session.all_ended'
--   $4  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $5  inet                      '192.0.2.1'
--   $6  text                      'a browser'
--   $7  text                      'a request'
