update uploads set bytes_deleted_at = $1::timestamptz, attempts = 0,
  next_attempt_at = case when expires_at > $2::timestamptz then expires_at end
where id = $3::uuid and status in ('infected', 'failed') and deleted_at is null;
-- parameters
--   $1  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $2  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $3  uuid                      '00000000-0000-7000-8000-000000000014'
