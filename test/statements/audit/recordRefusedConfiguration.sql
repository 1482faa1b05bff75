insert into audit_events (id, type, actor_id, subject_id, created_at, ip, user_agent, request_id, details)
select $1::uuid, $2, null::uuid, null::uuid, $3::timestamptz,
  $4::inet, $5, $6, jsonb_build_object('variables', $7::text[])
from (select jsonb_build_object('variables', $8::text[]) as details) refused
where not exists (
  select from audit_events earlier
  where earlier.type = 'configuration.refused' and earlier.id > $9::uuid
    and earlier.details = refused.details);
-- parameters
--   $1  uuid                      '00000000-0000-7000-8000-000000000001'
--   $2  text                      'configuration.refused'
--   $3  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $4  inet                      '192.0.2.1'
--   $5  text                      'a browser'
--   $6  text                      'a request'
--   $7  text[]                    ["A_VARIABLE"]
--   $8  text[]                    ["A_VARIABLE"]
--   $9  uuid                      '019c13b5-af80-7000-8000-000000000000'
