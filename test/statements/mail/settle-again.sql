update outbox set
  attempts = attempts - $1,
  next_attempt_at = $2,
  last_error = $3
where id = $4::uuid and sent_at is null and failed_at is null and attempts = $5;
-- parameters
--   $1  integer                   0
--   $2  timestamp with time zone  2026-01-31T12:01:00.000Z
--   $3  text                      'a reason'
--   $4  uuid                      '00000000-0000-7000-8000-000000000013'
--   $5  integer                   1
