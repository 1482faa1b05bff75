update uploads set attempts = attempts - 1, next_attempt_at = $1
where id = $2::uuid and status = 'scanning' and attempts = $3;
-- parameters
--   $1  timestamp with time zone  2026-01-31T12:00:30.000Z
--   $2  uuid                      '00000000-0000-7000-8000-000000000014'
--   $3  integer                   1
