select users.id, users.email, users.username, users.password_hash,
  array(select users.id) as changed_accounts
from sessions session join users on users.id = session.user_id
where session.id = $1 and users.id = $2
  and session.revoked_reason = 'password_changed' and session.revoked_at = users.password_changed_at
  and users.disabled_at is null;
-- columns
--   id                uuid
--   email             text
--   username          text
--   password_hash     text
--   changed_accounts  uuid[]
-- parameters
--   $1  uuid  '00000000-0000-7000-8000-000000000011'
--   $2  uuid  '00000000-0000-7000-8000-000000000010'
