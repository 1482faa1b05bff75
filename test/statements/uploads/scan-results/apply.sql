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
    else $9::text end as after
  from scanned_upload
  where case scanned_upload.status
    when 'pending'
    then $10::text = 'infected' or scanned_upload.verdict is null or scanned_upload.verdict = 'clean'
    when 'scanning' then true
    when 'clean' then $11::text <> 'clean'
    when 'failed' then $12::text = 'infected'
    else false end
), changed_upload as (
  update uploads set
    status = decision.after, verdict = $13::text, verdict_etag = $14, verdict_engine = $15,
    verdict_detail = $16::text, verdict_at = $17::timestamptz, updated_at = $18::timestamptz,
    reason = case when decision.after = 'failed' then $19::text else uploads.reason end,
    attempts = case when decision.after = decision.before then uploads.attempts else 0 end,
    next_attempt_at = case
    when decision.after = decision.before then uploads.next_attempt_at
    when decision.after = 'clean' then greatest(uploads.expires_at, $20::timestamptz)
    else $21::timestamptz end
  from decision where uploads.id = decision.id
  returning uploads.*, decision.before, decision.after
), released_usage as (
  update upload_usage usage set files = usage.files - 0, bytes = usage.bytes - changed_upload.size
  from changed_upload where usage.user_id = changed_upload.user_id
    and changed_upload.after in ('infected', 'failed') and changed_upload.before in ('pending', 'scanning', 'clean')
    and changed_upload.after <> changed_upload.before
), new_event as (
  insert into audit_events (id, type, actor_id, subject_id, created_at, ip, user_agent, request_id, details)
  select $22::uuid, $23, null::uuid, changed_upload.user_id, $24::timestamptz,
    $25::inet, $26, $27, jsonb_build_object('upload_id', changed_upload.id, 'engine', $28::text,
        'detail', changed_upload.verdict_detail) from changed_upload
  where changed_upload.after <> changed_upload.before
)
select case
  when $29::text is not null and not exists (select from new_message) then 'replayed'
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
--   $14  text                      'an etag'
--   $15  text                      'an engine'
--   $16  text                      'a threat'
--   $17  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $18  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $19  text                      'a threat'
--   $20  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $21  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $22  uuid                      '00000000-0000-7000-8000-000000000001'
--   $23  text                      'upload.infected'
--   $24  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $25  inet                      '192.0.2.1'
--   $26  text                      'a browser'
--   $27  text                      'a request'
--   $28  text                      'an engine'
--   $29  text                      'an event'

commit;
