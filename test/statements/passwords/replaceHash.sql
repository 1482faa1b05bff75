update users set password_hash = $1, updated_at = $2
where id = $3 and password_hash = $4;
-- parameters
--   $1  text                      'another hash'
--   $2  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $3  uuid                      '00000000-0000-7000-8000-000000000010'
--   $4  text                      'a hash'
