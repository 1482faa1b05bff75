begin;

select from uploads where id = $1::uuid for update;
-- parameters
--   $1  uuid  '00000000-0000-7000-8000-000000000014'

with decision as (
  select uploads.id, case
    when $1::text is not null then 'failed'
    when uploads.verdict = 'clean' and uploads.verdict_etag = uploads.etag then 'clean'
    else 'scanning' end as status
  from uploads
  where uploads.id = $2::uuid and uploads.status = 'scanning' and uploads.inspected_at is null
    and uploads.etag = $3 and uploads.deleted_at is null
), inspected_upload as (
  update uploads set
    status = decision.status, reason = $4::text, updated_at = $5::timestamptz,
    inspected_at = case when decision.status <> 'failed' then $6::timestamptz end,
    attempts = case when decision.status = 'scanning' then uploads.attempts else 0 end,
    next_attempt_at = case decision.status
    when 'scanning' then uploads.next_attempt_at
    when 'clean' then greatest(uploads.expires_at, $7::timestamptz)
    else $8::timestamptz end
  from decision where uploads.id = decision.id
  returning uploads.*
), clean_event as (
  insert into audit_events (id, type, actor_id, subject_id, created_at, ip, user_agent, request_id, details)
  select $9::uuid, $10, null::uuid, inspected_upload.user_id, $11::timestamptz,
    $12::inet, $13, $14, jsonb_build_object('upload_id', inspected_upload.id, 'reason', inspected_upload.reason)
  from inspected_upload where inspected_upload.status = 'clean'
), failed_event as (
  insert into audit_events (id, type, actor_id, subject_id, created_at, ip, user_agent, request_id, details)
  select $15::uuid, $16, null::uuid, inspected_upload.user_id, $17::timestamptz,
    $18::inet, $19, $20, jsonb_build_object('upload_id', inspected_upload.id, 'reason', inspected_upload.reason)
  from inspected_upload where inspected_upload.status = 'failed'
)
select coalesce(inspected_upload.status, uploads.status) as status,
  inspected_upload.id is not null as is_changed
from uploads left join inspected_upload on inspected_upload.id = uploads.id
where uploads.id = $21::uuid and uploads.deleted_at is null;
-- columns
--   status      text
--   is_changed  boolean
-- parameters
--   $1   text                      null
--   $2   uuid                      '00000000-0000-7000-8000-000000000014'
--   $3   text                      'an etag'
--   $4   text                      null
--   $5   timestamp with time zone  2026-01-31T12:00:00.000Z
--   $6   timestamp with time zone  2026-01-31T12:00:00.000Z
--   $7   timestamp with time zone  2026-01-31T12:00:00.000Z
--   $8   timestamp with time zone  2026-01-31T12:00:00.000Z
--   $9   uuid                      '00000000-0000-7000-8000-000000000001'
--   $10  text                      'upload.clean'
--   $11  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $12  inet                      '192.0.2.1'
--   $13  text                      'a browser'
--   $14  text                      'a request'
--   $15  uuid                      '00000000-0000-7000-8000-000000000002'
--   $16  text                      'upload.failed'
--   $17  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $18  inet                      '192.0.2.1'
--   $19  text                      'a browser'
--   $20  text                      'a request'
--   $21  uuid                      '00000000-0000-7000-8000-000000000014'

commit;
