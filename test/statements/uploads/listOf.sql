with
gate as (
  select held.session_id, held.user_id, held.permissions, case
    when held.refusal is not null then held.refusal
    when held.password_due then 'password_change_required'
    when ($1::text = any(held.permissions)) is not true then 'forbidden' end as refusal
  from (
    select session.id as session_id, account.id as user_id,
      array(select distinct unnest(role.permissions) as permission
        from user_roles held join roles role on role.name = held.role_name
        where held.user_id = account.id order by permission) as permissions,
      account.password_changed_at is not null and (
          account.must_change_password or coalesce(
              account.password_changed_at < $2::timestamptz - $3::int * interval '1 day',
              false)
    ) as password_due,
      case
      when (
          session.revoked_at is not null or session.expires_at <= $4::timestamptz
          or (session.created_at < coalesce((select not_before from session_cutoff),
              '-infinity'::timestamptz))) then 'session_revoked'
      when account.disabled_at is not null then 'account_disabled'
      when $5::boolean and account.email_verified_at is null then 'email_not_verified'
      end as refusal
    from
      sessions session join users account on account.id = session.user_id
    where session.id = $6 and account.id = $7
  ) held
)
select gate.refusal, exists (select from users where users.id = $8::uuid) as is_account,
  their_upload."id", their_upload."filename", their_upload."content_type", their_upload."size", their_upload."sha256",
  their_upload."status", their_upload."reason", their_upload."created_at", their_upload."expires_at"
from gate left join lateral (
  select * from uploads
  where gate.refusal is null and uploads.user_id = $9::uuid and uploads.deleted_at is null
  order by uploads.id desc limit $10
) their_upload on true
order by their_upload.id desc;
-- columns
--   refusal       text
--   is_account    boolean
--   id            uuid
--   filename      text
--   content_type  text
--   size          bigint
--   sha256        text
--   status        text
--   reason        text
--   created_at    timestamp with time zone
--   expires_at    timestamp with time zone
-- parameters
--   $1   text                      'users:read'
--   $2   timestamp with time zone  2026-01-31T12:00:00.000Z
--   $3   integer                   365
--   $4   timestamp with time zone  2026-01-31T12:00:00.000Z
--   $5   boolean                   true
--   $6   uuid                      '00000000-0000-7000-8000-000000000011'
--   $7   uuid                      '00000000-0000-7000-8000-000000000010'
--   $8   uuid                      '00000000-0000-7000-8000-000000000010'
--   $9   uuid                      '00000000-0000-7000-8000-000000000010'
--   $10  bigint                    21
