begin;

select pg_advisory_xact_lock(hashtextextended('itsor authority', 0))::text;
-- columns
--   pg_advisory_xact_lock  text

with target as (
  select account.id, account.email_verified_at is not null as email_verified,
    array(select held.role_name from user_roles held where held.user_id = account.id
      order by held.role_name) as roles,
    case when account.disabled_at is not null then 'disabled'
    when $1 = any(
        array(select held.role_name from user_roles held where held.user_id = account.id
          order by held.role_name)) then 'already'
    when account.email_verified_at is null and not $2::boolean then 'unverified'
    else 'appointed' end as kind
  from users account where account.email = $3
), new_role as (
  insert into user_roles (user_id, role_name)
  select target.id, $4 from target where target.kind = 'appointed'
  returning user_id
), changed_user as (
  update users set updated_at = $5 from new_role where users.id = new_role.user_id
  returning users.id
), audited as (
  insert into audit_events (id, type, actor_id, subject_id, created_at, ip, user_agent, request_id, details)
  select $6::uuid, $7, null::uuid, changed_user.id, $8::timestamptz,
    $9::inet, $10, $11, jsonb_build_object('source', $12::text, 'roles_before', to_jsonb(target.roles),
        'roles', to_jsonb(array(select name from unnest(target.roles || $13::text) name order by name)))
  from changed_user, target
)
select target.kind, target.email_verified from target;
-- columns
--   kind            text
--   email_verified  boolean
-- parameters
--   $1   text                      'admin'
--   $2   boolean                   false
--   $3   text                      'person@example.com'
--   $4   text                      'admin'
--   $5   timestamp with time zone  2026-01-31T12:00:00.000Z
--   $6   uuid                      '00000000-0000-7000-8000-000000000001'
--   $7   text                      'account.changed'
--   $8   timestamp with time zone  2026-01-31T12:00:00.000Z
--   $9   inet                      '192.0.2.1'
--   $10  text                      'a browser'
--   $11  text                      'a request'
--   $12  text                      'a program'
--   $13  text                      'admin'

commit;
