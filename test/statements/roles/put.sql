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
  where roles.name = $8), change as (
    select array(select unnest($9::text[]) except select unnest(permissions) from existing) as added,
      array(select unnest(permissions) from existing except select unnest($10::text[])) as removed,
      exists (select from user_roles held where held.role_name = $11) as is_held
), verdict as (
  -- A permission that is added is given to every holder, so the actor must be able to edit each of them.
  -- Removing one has no such rule: otherwise a powerful holder could keep a role from being reduced.
  select case
    when gate.refusal is not null then gate.refusal
    when $12::boolean and existing.name is not null then 'changed'
    when $13::boolean and existing.name is null then 'changed'
    when false then 'changed'
    when existing.name = $14 then 'built_in'
    when not change.removed <@ gate.permissions then 'role_holds_more'
    when not $15::text[] <@ gate.permissions and (change.added <> '{}' or change.removed = '{}')
    then 'grants_more'
    when $16::boolean and change.added && $17::text[] then 'sign_up_role'
    when change.is_held and (change.added || change.removed) <> '{}'
    and not 'users:write' = any(gate.permissions) then 'role_is_held'
    when change.added <> '{}' and exists (
      select from user_roles held join user_roles other on other.user_id = held.user_id
      join roles other_role on other_role.name = other.role_name
      where held.role_name = $18 and not other_role.permissions <@ gate.permissions)
    then 'holder_holds_more'
    when exists (select from user_roles held where held.role_name = $19 and held.user_id = gate.user_id)
    and not change.removed <@
    array(select unnest(other_role.permissions)
      from user_roles other join roles other_role on other_role.name = other.role_name
      where other.user_id = gate.user_id and other.role_name <> $20) then 'own_authority'
    end as refusal,
    existing.name is null as is_new,
    existing.name is null or (change.added || change.removed) <> '{}' as is_change
  from gate cross join change left join existing on true
), written as (
  insert into roles (name, permissions, created_at)
  select $21::text, $22::text[], $23::timestamptz from verdict
  where verdict.refusal is null and verdict.is_change
  on conflict (name) do update set permissions = excluded.permissions
  returning name
), audited_creation as (
  insert into audit_events (id, type, actor_id, subject_id, created_at, ip, user_agent, request_id, details)
  select $24::uuid, $25, (select gate.user_id from gate), null::uuid, $26::timestamptz,
    $27::inet, $28, $29, jsonb_build_object('role', $30::text, 'permissions', $31::text[],
        'permissions_before', coalesce(to_jsonb((select permissions from existing)), '[]'::jsonb),
        'holders', (select count(*) from user_roles held where held.role_name = $32)) from written, verdict
  where verdict.is_new
), audited_change as (
  insert into audit_events (id, type, actor_id, subject_id, created_at, ip, user_agent, request_id, details)
  select $33::uuid, $34, (select gate.user_id from gate), null::uuid, $35::timestamptz,
    $36::inet, $37, $38, jsonb_build_object('role', $39::text, 'permissions', $40::text[],
        'permissions_before', coalesce(to_jsonb((select permissions from existing)), '[]'::jsonb),
        'holders', (select count(*) from user_roles held where held.role_name = $41)) from written, verdict
  where not verdict.is_new
)
select verdict.refusal, verdict.is_new from verdict;
-- columns
--   refusal  text
--   is_new   boolean
-- parameters
--   $1   text                      'users:read'
--   $2   timestamp with time zone  2026-01-31T12:00:00.000Z
--   $3   integer                   365
--   $4   timestamp with time zone  2026-01-31T12:00:00.000Z
--   $5   boolean                   true
--   $6   uuid                      '00000000-0000-7000-8000-000000000011'
--   $7   uuid                      '00000000-0000-7000-8000-000000000010'
--   $8   text                      'a role'
--   $9   text[]                    ["users:read"]
--   $10  text[]                    ["users:read"]
--   $11  text                      'a role'
--   $12  boolean                   false
--   $13  boolean                   false
--   $14  text                      'admin'
--   $15  text[]                    ["users:read"]
--   $16  boolean                   false
--   $17  text[]                    ["users:read","users:write","sessions:revoke","roles:read","roles:write","audit:read","uploads:read"]
--   $18  text                      'a role'
--   $19  text                      'a role'
--   $20  text                      'a role'
--   $21  text                      'a role'
--   $22  text[]                    ["users:read"]
--   $23  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $24  uuid                      '00000000-0000-7000-8000-000000000001'
--   $25  text                      'role.created'
--   $26  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $27  inet                      '192.0.2.1'
--   $28  text                      'a browser'
--   $29  text                      'a request'
--   $30  text                      'a role'
--   $31  text[]                    ["users:read"]
--   $32  text                      'a role'
--   $33  uuid                      '00000000-0000-7000-8000-000000000002'
--   $34  text                      'role.changed'
--   $35  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $36  inet                      '192.0.2.1'
--   $37  text                      'a browser'
--   $38  text                      'a request'
--   $39  text                      'a role'
--   $40  text[]                    ["users:read"]
--   $41  text                      'a role'

select roles.name, roles.permissions, roles.created_at, roles.xmin::text as version from roles where roles.name = $1;
-- columns
--   name         text
--   permissions  text[]
--   created_at   timestamp with time zone
--   version      text
-- parameters
--   $1  text  'a role'

commit;
