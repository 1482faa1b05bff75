select id from uploads where next_attempt_at <= $1 order by next_attempt_at limit $2;
-- columns
--   id  uuid
-- parameters
--   $1  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $2  bigint                    100
