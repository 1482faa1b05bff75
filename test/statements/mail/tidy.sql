with deleted_mail as (
  delete from outbox
  where id < $1::uuid
    and (sent_at is not null or failed_at is not null)
)
update outbox set failed_at = $2, last_error = coalesce(last_error, 'abandoned')
where sent_at is null and failed_at is null and next_attempt_at <= $3 and attempts >= $4
returning id;
-- columns
--   id  uuid
-- parameters
--   $1  uuid                      '019b796d-d600-7000-8000-000000000000'
--   $2  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $3  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $4  integer                   8
