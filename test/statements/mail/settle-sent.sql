update outbox set sent_at = $1, failed_at = null, last_error = null
where id = $2::uuid and sent_at is null;
-- parameters
--   $1  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $2  uuid                      '00000000-0000-7000-8000-000000000013'
