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
select gate.refusal, found.* from gate left join lateral (select
    account.id, account.email, account.email_verified_at is not null as email_verified, account.username,
    account.created_at, account.password_changed_at, account.must_change_password,
    array(select held.role_name from user_roles held where held.user_id = account.id
      order by held.role_name) as roles,
    array(select distinct unnest(role.permissions) as permission
      from user_roles held join roles role on role.name = held.role_name
      where held.user_id = account.id order by permission) as permissions,
    account.disabled_at is not null as disabled, account.updated_at,
    account.xmin::text as version from users account where account.id = $8::uuid) found on gate.refusal is null
order by found.id;
-- columns
--   refusal               text
--   id                    uuid
--   email                 text
--   email_verified        boolean
--   username              text
--   created_at            timestamp with time zone
--   password_changed_at   timestamp with time zone
--   must_change_password  boolean
--   roles                 text[]
--   permissions           text[]
--   disabled              boolean
--   updated_at            timestamp with time zone
--   version               text
-- parameters
--   $1  text                      'users:read'
--   $2  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $3  integer                   365
--   $4  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $5  boolean                   true
--   $6  uuid                      '00000000-0000-7000-8000-000000000011'
--   $7  uuid                      '00000000-0000-7000-8000-000000000010'
--   $8  uuid                      '00000000-0000-7000-8000-000000000010'
