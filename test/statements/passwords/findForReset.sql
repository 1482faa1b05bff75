select users.id, users.email, users.username, users.password_hash, false as is_repeat,
  null::uuid[] as changed_accounts
from one_time_tokens token join users on users.id = token.user_id
where token.id = $1 and token.purpose = any($2::text[]) and token.used_at is null
  and token.expires_at > $3 and token.email = users.email and users.disabled_at is null
union all
select repeated.user_id, repeated.email, repeated.username, repeated.password_hash, true,
  array[repeated.user_id]
from (
  select token.user_id, token.succeeded_at, token.used_at, token.expires_at,
    account.email, account.username, account.password_hash
  from one_time_tokens token join users account on account.id = token.user_id and account.email = token.email
  where token.succeeded_at is not null and account.email_verified_at is not null and account.disabled_at is null
    and
    token.id = $4 and token.purpose = any($5::text[]) and token.used_at is not null
    and token.succeeded_at = account.password_changed_at) repeated;
-- columns
--   id                uuid
--   email             text
--   username          text
--   password_hash     text
--   is_repeat         boolean
--   changed_accounts  uuid[]
-- parameters
--   $1  uuid                      '00000000-0000-7000-8000-000000000012'
--   $2  text[]                    ["reset_password","invitation"]
--   $3  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $4  uuid                      '00000000-0000-7000-8000-000000000012'
--   $5  text[]                    ["reset_password","invitation"]
