select users.id, users.email, users.username, users.password_hash
from one_time_tokens token join users on users.id = token.user_id
where token.id = $1 and token.purpose = any($2::text[]) and token.used_at is null
  and token.expires_at > $3 and token.email = users.email and users.disabled_at is null;
-- columns
--   id             uuid
--   email          text
--   username       text
--   password_hash  text
-- parameters
--   $1  uuid                      '00000000-0000-7000-8000-000000000012'
--   $2  text[]                    ["reset_password","invitation"]
--   $3  timestamp with time zone  2026-01-31T12:00:00.000Z
