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
select account.id from gate join users account on account.id = $8::uuid
where gate.refusal is null for no key update of account;
-- columns
--   id  uuid
-- parameters
--   $1  text                      'users:read'
--   $2  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $3  integer                   365
--   $4  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $5  boolean                   true
--   $6  uuid                      '00000000-0000-7000-8000-000000000011'
--   $7  uuid                      '00000000-0000-7000-8000-000000000010'
--   $8  uuid                      '00000000-0000-7000-8000-000000000010'

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
target as (
  select account.id, account.email, account.xmin::text as version,
    array(select distinct unnest(role.permissions) as permission
      from user_roles held join roles role on role.name = held.role_name
      where held.user_id = account.id order by permission) as permissions,
    array(select held.role_name from user_roles held where held.user_id = account.id
      order by held.role_name) as roles,
    (
        exists (select from user_roles held where held.user_id = account.id and held.role_name = $8)
        and not exists (
          select from user_roles held join users other on other.id = held.user_id
          where held.role_name = $9 and other.id <> account.id and (
              other.disabled_at is null and (
                  other.password_hash is not null or exists (
                    select from identities way where way.user_id = other.id and way.id is distinct from null::uuid
                      and way.issuer = any($10::text[])))
              and (other.email_verified_at is not null or not $11::boolean)))) as is_last_administrator
  from users account where account.id = $12::uuid
), verdict as (
  select case
    when gate.refusal is not null then gate.refusal
    when target.id is null then 'not_found'
    when not target.permissions <@ gate.permissions then 'holds_more' end as refusal
  from gate left join target on true
), ended_user as (
  select target.id from target, verdict where verdict.refusal is null
), ended_sessions as (
  update sessions session set revoked_at = $13, revoked_reason = 'administrator'
  from ended_user where session.user_id = ended_user.id and not (
      session.revoked_at is not null or session.expires_at <= $14::timestamptz
      or (session.created_at < coalesce((select not_before from session_cutoff), '-infinity'::timestamptz)))
  returning session.id
), ended_tokens as (
  update one_time_tokens token set used_at = $15, password_hash = null, username = null
  from ended_user
  where token.user_id = ended_user.id and token.purpose = any($16::text[])
    and token.used_at is null and token.expires_at > $17::timestamptz and true
), audited as (
  insert into audit_events (id, type, actor_id, subject_id, created_at, ip, user_agent, request_id, details)
  select $18::uuid, $19, (select gate.user_id from gate), ended_user.id, $20::timestamptz,
    $21::inet, $22, $23, jsonb_build_object('scope', 'global', 'sessions', (select count(*) from ended_sessions))
  from ended_user
)
select verdict.refusal, array(select ended_user.id from ended_user) as changed_accounts from verdict;
-- columns
--   refusal           text
--   changed_accounts  uuid[]
-- parameters
--   $1   text                      'users:read'
--   $2   timestamp with time zone  2026-01-31T12:00:00.000Z
--   $3   integer                   365
--   $4   timestamp with time zone  2026-01-31T12:00:00.000Z
--   $5   boolean                   true
--   $6   uuid                      '00000000-0000-7000-8000-000000000011'
--   $7   uuid                      '00000000-0000-7000-8000-000000000010'
--   $8   text                      'admin'
--   $9   text                      'admin'
--   $10  text[]                    ["https://idp.example"]
--   $11  boolean                   true
--   $12  uuid                      '00000000-0000-7000-8000-000000000010'
--   $13  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $14  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $15  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $16  text[]                    ["change_email"]
--   $17  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $18  uuid                      '00000000-0000-7000-8000-000000000001'
--   $19  text                      'session.ended'
--   $20  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $21  inet                      '192.0.2.1'
--   $22  text                      'a browser'
--   $23  text                      'a request'

commit;
