select
  uploads."id", uploads."filename", uploads."content_type", uploads."size", uploads."sha256", uploads."status",
  uploads."reason", uploads."created_at", uploads."expires_at", uploads.user_id, uploads.object_name, uploads.etag,
  uploads.promoted_etag, uploads.attempts, uploads.next_attempt_at, uploads.inspected_at,
  uploads.deleted_at from uploads join users on users.id = uploads.user_id
where uploads.id = $1::uuid and uploads.deleted_at is null and users.disabled_at is null;
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
--   $1  uuid  '00000000-0000-7000-8000-000000000014'
