with failed as (
  insert into audit_events (id, type, actor_id, subject_id, created_at, ip, user_agent, request_id, details)
  select $1::uuid, $2, $3::uuid, $4::uuid, $5::timestamptz,
    $6::inet, $7, $8, '{}'::jsonb)
select true;
-- columns
--   ?column?  boolean
-- parameters
--   $1  uuid                      '00000000-0000-7000-8000-000000000002'
--   $2  text                      'login.failed'
--   $3  uuid                      '00000000-0000-7000-8000-000000000010'
--   $4  uuid                      '00000000-0000-7000-8000-000000000010'
--   $5  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $6  inet                      '192.0.2.1'
--   $7  text                      'a browser'
--   $8  text                      'a request'
