select next_attempt_at from uploads where id = $1::uuid;
-- columns
--   next_attempt_at  timestamp with time zone
-- parameters
--   $1  uuid  '00000000-0000-7000-8000-000000000014'
