select id from uploads
where id = any($1::uuid[]) and promoted_etag is null and bytes_deleted_at is null;
-- columns
--   id  uuid
-- parameters
--   $1  uuid[]  '{00000000-0000-7000-8000-000000000014}'
