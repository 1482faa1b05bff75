update uploads set given_up_at = $1 where id = $2::uuid;
-- parameters
--   $1  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $2  uuid                      '00000000-0000-7000-8000-000000000014'
