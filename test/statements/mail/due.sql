select id from outbox
where sent_at is null and failed_at is null and next_attempt_at <= $1 and attempts < $2
order by next_attempt_at limit $3;
-- columns
--   id  uuid
-- parameters
--   $1  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $2  integer                   8
--   $3  bigint                    100
