update outbox set failed_at = $1, last_error = $2
where id = $3::uuid and sent_at is null and failed_at is null and attempts = $4;
-- parameters
--   $1  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $2  text                      'held_back'
--   $3  uuid                      '00000000-0000-7000-8000-000000000013'
--   $4  integer                   1
