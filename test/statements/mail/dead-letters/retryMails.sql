update outbox set failed_at = null, last_error = null, attempts = 0, next_attempt_at = $1
where failed_at is not null and sent_at is null and last_error is distinct from $2
  and ($3::boolean or id = any($4::uuid[]))
returning id;
-- columns
--   id  uuid
-- parameters
--   $1  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $2  text                      'held_back'
--   $3  boolean                   false
--   $4  uuid[]                    '{00000000-0000-7000-8000-000000000013}'
