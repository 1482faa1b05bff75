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
)
select gate.refusal, own_upload."id", own_upload."filename", own_upload."content_type", own_upload."size",
  own_upload."sha256", own_upload."status", own_upload."reason", own_upload."created_at", own_upload."expires_at"
from gate left join lateral (
  select * from uploads
  where gate.refusal is null and uploads.user_id = gate.user_id and uploads.deleted_at is null
    and ($5::uuid is null or uploads.id < $6::uuid)
  order by uploads.id desc limit $7
) own_upload on true
order by own_upload.id desc;
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
-- parameters
--   $1  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $2  boolean                   true
--   $3  uuid                      '00000000-0000-7000-8000-000000000011'
--   $4  uuid                      '00000000-0000-7000-8000-000000000010'
--   $5  uuid                      null
--   $6  uuid                      null
--   $7  bigint                    21
