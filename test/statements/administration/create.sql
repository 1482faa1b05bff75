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
wanted as (
  select coalesce(array_agg(distinct permission) filter (where permission is not null), '{}') as permissions,
    count(distinct roles.name) = $8 as all_exist
  from roles left join lateral unnest(roles.permissions) permission on true
  where roles.name = any($9::text[])
), verdict as (
  select case
    when gate.refusal is not null then gate.refusal
    when not wanted.all_exist then 'unknown_role'
    when not wanted.permissions <@ gate.permissions then 'grants_more'
    when exists (
      select from one_time_tokens undo
      where (
          undo.email = $10::text and undo.purpose = 'restore_email' and undo.used_at is null
          and undo.expires_at > $11::timestamptz) and undo.user_id is distinct
      from null::uuid) then 'email_taken' end as refusal,
    'users:read' = any(gate.permissions) as may_read
  from gate, wanted
), new_user as (
  insert into users (id, email, username, password_hash, password_changed_at, must_change_password,
      verification_sent_at, created_at, updated_at)
  select $12::uuid, $13::text, $14::text, $15::text,
    $16::timestamptz, $17::boolean,
    $18::timestamptz, $19::timestamptz, $20::timestamptz
  from verdict where verdict.refusal is null
  returning id, email
), new_roles as (
  insert into user_roles (user_id, role_name)
  select new_user.id, name from new_user, unnest($21::text[]) name
), audited as (
  insert into audit_events (id, type, actor_id, subject_id, created_at, ip, user_agent, request_id, details)
  select $22::uuid, $23, (select gate.user_id from gate), new_user.id, $24::timestamptz,
    $25::inet, $26, $27, jsonb_build_object('roles', $28::text[],
        'invited', $29::boolean) from new_user
)
select verdict.refusal, verdict.may_read from verdict;
-- columns
--   refusal   text
--   may_read  boolean
-- parameters
--   $1   text                      'users:read'
--   $2   timestamp with time zone  2026-01-31T12:00:00.000Z
--   $3   integer                   365
--   $4   timestamp with time zone  2026-01-31T12:00:00.000Z
--   $5   boolean                   true
--   $6   uuid                      '00000000-0000-7000-8000-000000000011'
--   $7   uuid                      '00000000-0000-7000-8000-000000000010'
--   $8   bigint                    1
--   $9   text[]                    ["user"]
--   $10  text                      'person@example.com'
--   $11  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $12  uuid                      '00000000-0000-7000-8000-000000000001'
--   $13  text                      'person@example.com'
--   $14  text                      'person'
--   $15  text                      'a hash'
--   $16  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $17  boolean                   true
--   $18  timestamp with time zone  null
--   $19  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $20  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $21  text[]                    ["user"]
--   $22  uuid                      '00000000-0000-7000-8000-000000000002'
--   $23  text                      'account.created'
--   $24  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $25  inet                      '192.0.2.1'
--   $26  text                      'a browser'
--   $27  text                      'a request'
--   $28  text[]                    ["user"]
--   $29  boolean                   false

select
  account.id, account.email, account.email_verified_at is not null as email_verified, account.username,
  account.created_at, account.password_changed_at, account.must_change_password,
  array(select held.role_name from user_roles held where held.user_id = account.id order by held.role_name) as roles,
  array(select distinct unnest(role.permissions) as permission
    from user_roles held join roles role on role.name = held.role_name
    where held.user_id = account.id order by permission) as permissions, account.disabled_at is not null as disabled,
  account.updated_at,
  account.xmin::text as version from users account where account.id = $1::uuid;
-- columns
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
--   $1  uuid  '00000000-0000-7000-8000-000000000001'

commit;
