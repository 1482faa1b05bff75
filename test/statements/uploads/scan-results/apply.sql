begin;

select from uploads where id = $1::uuid for update;
-- parameters
--   $1  uuid  '00000000-0000-7000-8000-000000000014'

with new_message as (
  insert into scan_events (id, received_at) select $1::text, $2::timestamptz
  where $3::text is not null
  on conflict do nothing
  returning id
), scanned_upload as (
  select uploads.* from uploads
  where uploads.id = $4::uuid and uploads.object_name = $5
    and (uploads.etag is null or uploads.etag = $6) and uploads.deleted_at is null
    and ($7::text is null or exists (select from new_message))
), decision as (
  select scanned_upload.id, scanned_upload.status as before, case
    when $8::text = 'infected' then 'infected'
    when scanned_upload.status = 'pending' then 'pending'
    when $9::text = 'clean' and scanned_upload.inspected_at is null then scanned_upload.status
    else $10::text end as after
  from scanned_upload
  where case scanned_upload.status
    when 'pending'
    then $11::text = 'infected' or scanned_upload.verdict is null or scanned_upload.verdict = 'clean'
    when 'scanning' then true
    when 'clean' then $12::text <> 'clean'
    when 'failed' then $13::text = 'infected'
    else false end
), changed_upload as (
  update uploads set
    status = decision.after, verdict = $14::text, verdict_etag = $15, verdict_engine = $16,
    verdict_detail = $17::text, verdict_at = $18::timestamptz, updated_at = $19::timestamptz,
    reason = case when decision.after = 'failed' then $20::text else uploads.reason end,
    attempts = case when decision.after = decision.before then uploads.attempts else 0 end,
    next_attempt_at = case
    when decision.after = decision.before then uploads.next_attempt_at
    when decision.after = 'clean' then greatest(uploads.expires_at, $21::timestamptz)
    else $22::timestamptz end
  from decision where uploads.id = decision.id
  returning uploads.*, decision.before, decision.after
), new_event as (
  insert into audit_events (id, type, actor_id, subject_id, created_at, ip, user_agent, request_id, details)
  select $23::uuid, $24, null::uuid, changed_upload.user_id, $25::timestamptz,
    $26::inet, $27, $28, jsonb_build_object('upload_id', changed_upload.id, 'engine', $29::text,
        'detail', changed_upload.verdict_detail) from changed_upload
  where changed_upload.after <> changed_upload.before
)
select case
  when $30::text is not null and not exists (select from new_message) then 'replayed'
  when exists (select from changed_upload) then 'applied'
  when exists (select from scanned_upload) then 'unchanged'
  else 'unknown' end as outcome;
-- columns
--   outcome  text
-- parameters
--   $1   text                      'an event'
--   $2   timestamp with time zone  2026-01-31T12:00:00.000Z
--   $3   text                      'an event'
--   $4   uuid                      '00000000-0000-7000-8000-000000000014'
--   $5   text                      'an object'
--   $6   text                      'an etag'
--   $7   text                      'an event'
--   $8   text                      'infected'
--   $9   text                      'infected'
--   $10  text                      'infected'
--   $11  text                      'infected'
--   $12  text                      'infected'
--   $13  text                      'infected'
--   $14  text                      'infected'
--   $15  text                      'an etag'
--   $16  text                      'an engine'
--   $17  text                      'a threat'
--   $18  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $19  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $20  text                      'a threat'
--   $21  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $22  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $23  uuid                      '00000000-0000-7000-8000-000000000001'
--   $24  text                      'upload.infected'
--   $25  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $26  inet                      '192.0.2.1'
--   $27  text                      'a browser'
--   $28  text                      'a request'
--   $29  text                      'an engine'
--   $30  text                      'an event'

commit;
