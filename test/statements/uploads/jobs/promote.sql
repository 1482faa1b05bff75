update uploads set promoted_etag = $1, next_attempt_at = null, attempts = 0, updated_at = $2
where id = $3::uuid and status = 'clean' and deleted_at is null and user_id is not null
returning id;
-- columns
--   id  uuid
-- parameters
--   $1  text                      'an etag'
--   $2  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $3  uuid                      '00000000-0000-7000-8000-000000000014'
