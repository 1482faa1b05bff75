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
    when $9::text is not null then $10::text
    when own_upload.verdict = 'failed' and own_upload.verdict_etag = $11::text
    then own_upload.verdict_detail end as flaw,
    coalesce(own_upload.verdict = 'clean' and own_upload.verdict_etag = $12::text, false) as is_clean
  from own_upload where own_upload.status = 'pending' and own_upload.attempts = $13
), confirmed_upload as (
  update uploads set
    status = case when decision.flaw is not null then 'failed'
    when decision.is_clean then 'clean' else 'scanning' end,
    reason = decision.flaw, etag = $14::text, attempts = 0,
    completed_at = $15::timestamptz, updated_at = $16::timestamptz,
    next_attempt_at = case
    when decision.flaw is null and decision.is_clean then greatest(uploads.expires_at, $17::timestamptz)
    else $18::timestamptz end
  from decision where uploads.id = decision.id
  returning uploads.*
), released_usage as (
  update upload_usage usage set files = usage.files - 0, bytes = usage.bytes - confirmed_upload.size
  from confirmed_upload where usage.user_id = confirmed_upload.user_id
    and confirmed_upload.status = 'failed'
), completed_event as (
  insert into audit_events (id, type, actor_id, subject_id, created_at, ip, user_agent, request_id, details)
  select $19::uuid, $20, confirmed_upload.user_id, confirmed_upload.user_id, $21::timestamptz,
    $22::inet, $23, $24, jsonb_build_object('upload_id', confirmed_upload.id, 'reason', confirmed_upload.reason)
  from confirmed_upload where confirmed_upload.status <> 'failed'
), clean_event as (
  insert into audit_events (id, type, actor_id, subject_id, created_at, ip, user_agent, request_id, details)
  select $25::uuid, $26, confirmed_upload.user_id, confirmed_upload.user_id, $27::timestamptz,
    $28::inet, $29, $30, jsonb_build_object('upload_id', confirmed_upload.id, 'reason', confirmed_upload.reason)
  from confirmed_upload where confirmed_upload.status = 'clean'
), failed_event as (
  insert into audit_events (id, type, actor_id, subject_id, created_at, ip, user_agent, request_id, details)
  select $31::uuid, $32, confirmed_upload.user_id, confirmed_upload.user_id, $33::timestamptz,
    $34::inet, $35, $36, jsonb_build_object('upload_id', confirmed_upload.id, 'reason', confirmed_upload.reason)
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
  coalesce(present_upload.next_attempt_at <= $37::timestamptz, false) as is_due
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
--   $9   text                      null
--   $10  text                      null
--   $11  text                      'an etag'
--   $12  text                      'an etag'
--   $13  integer                   1
--   $14  text                      'an etag'
--   $15  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $16  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $17  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $18  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $19  uuid                      '00000000-0000-7000-8000-000000000001'
--   $20  text                      'upload.completed'
--   $21  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $22  inet                      '192.0.2.1'
--   $23  text                      'a browser'
--   $24  text                      'a request'
--   $25  uuid                      '00000000-0000-7000-8000-000000000002'
--   $26  text                      'upload.clean'
--   $27  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $28  inet                      '192.0.2.1'
--   $29  text                      'a browser'
--   $30  text                      'a request'
--   $31  uuid                      '00000000-0000-7000-8000-000000000003'
--   $32  text                      'upload.failed'
--   $33  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $34  inet                      '192.0.2.1'
--   $35  text                      'a browser'
--   $36  text                      'a request'
--   $37  timestamp with time zone  2026-01-31T12:00:00.000Z

commit;
