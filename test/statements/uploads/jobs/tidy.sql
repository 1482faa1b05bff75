with forgotten_message as (
  delete from scan_events where received_at < $1
)
update uploads set deleted_at = $2, updated_at = $3, next_attempt_at = $4, attempts = 0
where user_id is null and deleted_at is null;
-- parameters
--   $1  timestamp with time zone  2026-01-29T12:00:00.000Z
--   $2  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $3  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $4  timestamp with time zone  2026-01-31T12:00:00.000Z
