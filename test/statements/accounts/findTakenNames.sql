select exists (select from users holder where holder.email = $1)
  or exists (
    select from one_time_tokens undo
    where (
        undo.email = $2::text and undo.purpose = 'restore_email' and undo.used_at is null
        and undo.expires_at > $3::timestamptz) and undo.user_id is distinct from null::uuid) as email,
  exists (select from users holder where holder.username = $4) as username;
-- columns
--   email     boolean
--   username  boolean
-- parameters
--   $1  text                      'person@example.com'
--   $2  text                      'person@example.com'
--   $3  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $4  text                      'person'
