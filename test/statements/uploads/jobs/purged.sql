with deleted_upload as (
  delete from uploads
  where id = $1::uuid and (deleted_at is not null or user_id is null) and expires_at <= $2
)
update uploads set bytes_deleted_at = $3, attempts = 0, next_attempt_at = expires_at
where id = $4::uuid and (deleted_at is not null or user_id is null) and expires_at > $5;
-- parameters
--   $1  uuid                      '00000000-0000-7000-8000-000000000014'
--   $2  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $3  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $4  uuid                      '00000000-0000-7000-8000-000000000014'
--   $5  timestamp with time zone  2026-01-31T12:00:00.000Z
