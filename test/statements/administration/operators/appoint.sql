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
    else 'appointed' end as kind
  from users account where account.email = $2
), new_role as (
  insert into user_roles (user_id, role_name)
  select target.id, $3 from target where target.kind = 'appointed'
  returning user_id
), changed_user as (
  update users set updated_at = $4 from new_role where users.id = new_role.user_id
  returning users.id
), audited as (
  insert into audit_events (id, type, actor_id, subject_id, created_at, ip, user_agent, request_id, details)
  select $5::uuid, $6, null::uuid, changed_user.id, $7::timestamptz,
    $8::inet, $9, $10, jsonb_build_object('source', $11::text, 'roles_before', to_jsonb(target.roles),
        'roles', to_jsonb(array(select name from unnest(target.roles || $12::text) name order by name)))
  from changed_user, target
)
select target.kind, target.email_verified from target;
-- columns
--   kind            text
--   email_verified  boolean
-- parameters
--   $1   text                      'admin'
--   $2   text                      'person@example.com'
--   $3   text                      'admin'
--   $4   timestamp with time zone  2026-01-31T12:00:00.000Z
--   $5   uuid                      '00000000-0000-7000-8000-000000000001'
--   $6   text                      'account.changed'
--   $7   timestamp with time zone  2026-01-31T12:00:00.000Z
--   $8   inet                      '192.0.2.1'
--   $9   text                      'a browser'
--   $10  text                      'a request'
--   $11  text                      'a program'
--   $12  text                      'admin'

commit;
