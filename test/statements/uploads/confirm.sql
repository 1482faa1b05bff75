begin;

select from uploads where id = $1::uuid for update;
-- parameters
--   $1  uuid  '00000000-0000-7000-8000-000000000014'

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
), own_upload as (
  select uploads.* from uploads join gate on gate.refusal is null and gate.user_id = uploads.user_id
  where uploads.id = $5::uuid and uploads.deleted_at is null
), decision as (
  select own_upload.id, case
    when own_upload.size <> $6::bigint or own_upload.sha256 <> $7::text
    then 'wrong_bytes'
    when own_upload.content_type <> $8::text then 'wrong_type'
    when own_upload.verdict = 'failed' and own_upload.verdict_etag = $9::text
    then own_upload.verdict_detail end as flaw
  from own_upload where own_upload.status = 'pending'
), confirmed_upload as (
  update uploads set
    status = case when decision.flaw is null then 'scanning' else 'failed' end,
    reason = decision.flaw, etag = $10::text, attempts = 0, next_attempt_at = $11::timestamptz,
    completed_at = $12::timestamptz, updated_at = $13::timestamptz
  from decision where uploads.id = decision.id
  returning uploads.*
), completed_event as (
  insert into audit_events (id, type, actor_id, subject_id, created_at, ip, user_agent, request_id, details)
  select $14::uuid, $15, confirmed_upload.user_id, confirmed_upload.user_id, $16::timestamptz,
    $17::inet, $18, $19, jsonb_build_object('upload_id', confirmed_upload.id, 'reason', confirmed_upload.reason)
  from confirmed_upload where confirmed_upload.status = 'scanning'
), failed_event as (
  insert into audit_events (id, type, actor_id, subject_id, created_at, ip, user_agent, request_id, details)
  select $20::uuid, $21, confirmed_upload.user_id, confirmed_upload.user_id, $22::timestamptz,
    $23::inet, $24, $25, jsonb_build_object('upload_id', confirmed_upload.id, 'reason', confirmed_upload.reason)
  from confirmed_upload where confirmed_upload.status = 'failed'
), present_upload as (
  select * from confirmed_upload
  union all
  select * from own_upload where not exists (select from confirmed_upload)
)
select gate.refusal, present_upload."id", present_upload."filename", present_upload."content_type",
  present_upload."size", present_upload."sha256", present_upload."status", present_upload."reason",
  present_upload."created_at", present_upload."expires_at",
  exists (select from confirmed_upload) as is_changed,
  coalesce(present_upload.next_attempt_at <= $26::timestamptz, false) as is_due
from gate left join present_upload on true;
-- columns
--   refusal       text
--   id            uuid
--   filename      text
--   content_type  text
--   size          bigint
--   sha256        text
--   status        text
--   reason        text
--   created_at    timestamp with time zone
--   expires_at    timestamp with time zone
--   is_changed    boolean
--   is_due        boolean
-- parameters
--   $1   timestamp with time zone  2026-01-31T12:00:00.000Z
--   $2   boolean                   true
--   $3   uuid                      '00000000-0000-7000-8000-000000000011'
--   $4   uuid                      '00000000-0000-7000-8000-000000000010'
--   $5   uuid                      '00000000-0000-7000-8000-000000000014'
--   $6   bigint                    1
--   $7   text                      '00'
--   $8   text                      'text/plain'
--   $9   text                      'an etag'
--   $10  text                      'an etag'
--   $11  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $12  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $13  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $14  uuid                      '00000000-0000-7000-8000-000000000001'
--   $15  text                      'upload.completed'
--   $16  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $17  inet                      '192.0.2.1'
--   $18  text                      'a browser'
--   $19  text                      'a request'
--   $20  uuid                      '00000000-0000-7000-8000-000000000002'
--   $21  text                      'upload.failed'
--   $22  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $23  inet                      '192.0.2.1'
--   $24  text                      'a browser'
--   $25  text                      'a request'
--   $26  timestamp with time zone  2026-01-31T12:00:00.000Z

commit;
