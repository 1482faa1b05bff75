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
select gate.refusal,
  uploads."id", uploads."filename", uploads."content_type", uploads."size", uploads."sha256", uploads."status",
  uploads."reason", uploads."created_at", uploads."expires_at", uploads.user_id, uploads.object_name, uploads.etag,
  uploads.promoted_etag, uploads.attempts, uploads.next_attempt_at, uploads.inspected_at,
  uploads.deleted_at
from gate left join uploads on gate.refusal is null and uploads.user_id = gate.user_id
  and uploads.id = $5::uuid and uploads.deleted_at is null;
-- columns
--   refusal          text
--   id               uuid
--   filename         text
--   content_type     text
--   size             bigint
--   sha256           text
--   status           text
--   reason           text
--   created_at       timestamp with time zone
--   expires_at       timestamp with time zone
--   user_id          uuid
--   object_name      text
--   etag             text
--   promoted_etag    text
--   attempts         integer
--   next_attempt_at  timestamp with time zone
--   inspected_at     timestamp with time zone
--   deleted_at       timestamp with time zone
-- parameters
--   $1  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $2  boolean                   true
--   $3  uuid                      '00000000-0000-7000-8000-000000000011'
--   $4  uuid                      '00000000-0000-7000-8000-000000000010'
--   $5  uuid                      '00000000-0000-7000-8000-000000000014'
