update uploads set
  attempts = uploads.attempts + 1,
  next_attempt_at = $1::timestamptz + ($2::int[])[least(uploads.attempts + 1, $3::int)] * interval '1 second'
where uploads.id = $4::uuid and uploads.next_attempt_at <= $5
returning
  uploads."id", uploads."filename", uploads."content_type", uploads."size", uploads."sha256", uploads."status",
  uploads."reason", uploads."created_at", uploads."expires_at", uploads.user_id, uploads.object_name, uploads.etag,
  uploads.promoted_etag, uploads.attempts, uploads.next_attempt_at, uploads.inspected_at,
  uploads.deleted_at;
-- columns
--   id               uuid
--   filename         text
--   content_type     text
--   size             bigint
--   sha256           text
--   status           text
--   reason           text
--   created_at       timestamp with time zone
--   expires_at       timestamp with time zone
--   user_id          uuid
--   object_name      text
--   etag             text
--   promoted_etag    text
--   attempts         integer
--   next_attempt_at  timestamp with time zone
--   inspected_at     timestamp with time zone
--   deleted_at       timestamp with time zone
-- parameters
--   $1  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $2  integer[]                 '{300,900,3600,14400,43200}'
--   $3  integer                   5
--   $4  uuid                      '00000000-0000-7000-8000-000000000014'
--   $5  timestamp with time zone  2026-01-31T12:00:00.000Z
