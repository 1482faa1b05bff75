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
), claimed_upload as (
  update uploads set attempts = uploads.attempts + 1, updated_at = $5::timestamptz
  from gate
  where gate.refusal is null and uploads.user_id = gate.user_id and uploads.id = $6::uuid
    and uploads.deleted_at is null and uploads.status = 'pending'
    and (uploads.attempts = 0 or uploads.updated_at + $7::int
        * (1 << least(uploads.attempts - 1, 8)) * interval '1 second' <= $8::timestamptz)
  returning uploads.*
), own_upload as (
  select * from claimed_upload
  union all
  select uploads.* from uploads join gate on gate.refusal is null and gate.user_id = uploads.user_id
  where uploads.id = $9::uuid and uploads.deleted_at is null
    and not exists (select from claimed_upload)
)
select gate.refusal, own_upload."id", own_upload."filename", own_upload."content_type", own_upload."size",
  own_upload."sha256", own_upload."status", own_upload."reason", own_upload."created_at", own_upload."expires_at",
  own_upload.attempts,
  exists (select from claimed_upload) as is_claimed,
  coalesce(own_upload.status <> 'pending' and own_upload.next_attempt_at <= $10::timestamptz, false)
  as is_due
from gate left join own_upload on true;
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
--   attempts      integer
--   is_claimed    boolean
--   is_due        boolean
-- parameters
--   $1   timestamp with time zone  2026-01-31T12:00:00.000Z
--   $2   boolean                   true
--   $3   uuid                      '00000000-0000-7000-8000-000000000011'
--   $4   uuid                      '00000000-0000-7000-8000-000000000010'
--   $5   timestamp with time zone  2026-01-31T12:00:00.000Z
--   $6   uuid                      '00000000-0000-7000-8000-000000000014'
--   $7   integer                   60
--   $8   timestamp with time zone  2026-01-31T12:00:00.000Z
--   $9   uuid                      '00000000-0000-7000-8000-000000000014'
--   $10  timestamp with time zone  2026-01-31T12:00:00.000Z
