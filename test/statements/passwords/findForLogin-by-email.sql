select users.id, users.email, users.password_hash, users.password_changed_at,
  users.disabled_at is not null as disabled, users.email_verified_at is not null as email_verified
from users where users.email = $1;
-- columns
--   id                   uuid
--   email                text
--   password_hash        text
--   password_changed_at  timestamp with time zone
--   disabled             boolean
--   email_verified       boolean
-- parameters
--   $1  text  'person@example.com'
