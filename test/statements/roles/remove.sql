begin;

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
select pg_advisory_xact_lock(hashtextextended('itsor authority', 0))::text from gate where gate.refusal is null;
-- columns
--   pg_advisory_xact_lock  text
-- parameters
--   $1  text                      'users:read'
--   $2  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $3  integer                   365
--   $4  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $5  boolean                   true
--   $6  uuid                      '00000000-0000-7000-8000-000000000011'
--   $7  uuid                      '00000000-0000-7000-8000-000000000010'

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
),
existing as (select roles.name, roles.permissions, roles.created_at, roles.xmin::text as version from roles
  where roles.name = $8), verdict as (
    select case
      when gate.refusal is not null then gate.refusal
      when existing.name is null then 'not_found'
      when false then 'changed'
      when existing.name = any($9::text[]) then 'built_in'
      when not existing.permissions <@ gate.permissions then 'role_holds_more'
      when exists (select from user_roles held where held.role_name = existing.name) then 'in_use'
      end as refusal
    from gate left join existing on true
), deleted as (
  delete from roles using verdict where verdict.refusal is null and roles.name = $10
  returning roles.name, roles.permissions
), audited as (
  insert into audit_events (id, type, actor_id, subject_id, created_at, ip, user_agent, request_id, details)
  select $11::uuid, $12, (select gate.user_id from gate), null::uuid, $13::timestamptz,
    $14::inet, $15, $16, jsonb_build_object('role', deleted.name, 'permissions_before', deleted.permissions)
  from deleted
)
select verdict.refusal from verdict;
-- columns
--   refusal  text
-- parameters
--   $1   text                      'users:read'
--   $2   timestamp with time zone  2026-01-31T12:00:00.000Z
--   $3   integer                   365
--   $4   timestamp with time zone  2026-01-31T12:00:00.000Z
--   $5   boolean                   true
--   $6   uuid                      '00000000-0000-7000-8000-000000000011'
--   $7   uuid                      '00000000-0000-7000-8000-000000000010'
--   $8   text                      'a role'
--   $9   text[]                    ["user","admin"]
--   $10  text                      'a role'
--   $11  uuid                      '00000000-0000-7000-8000-000000000001'
--   $12  text                      'role.deleted'
--   $13  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $14  inet                      '192.0.2.1'
--   $15  text                      'a browser'
--   $16  text                      'a request'

commit;
