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
),
wanted as (
  select coalesce(array_agg(distinct permission) filter (where permission is not null), '{}') as permissions,
    count(distinct roles.name) = $13 as all_exist
  from roles left join lateral unnest(roles.permissions) permission on true
  where roles.name = any($14::text[])
), verdict as (
  select case
    when gate.refusal is not null then gate.refusal
    when $15::boolean and not 'users:read' = any(gate.permissions) then 'forbidden'
    when target.id is null then 'not_found'
    when not (target.version = any($16::text[])) then 'changed'
    when not wanted.all_exist then 'unknown_role'
    when not target.permissions <@ gate.permissions then 'holds_more'
    when not wanted.permissions <@ gate.permissions then 'grants_more'
    when target.id = gate.user_id and ($17::boolean
        or ($18::boolean and not target.permissions <@ wanted.permissions))
    then 'own_authority'
    when target.is_last_administrator and $19::boolean then 'last_administrator'
    end as refusal, 'users:read' = any(gate.permissions) as may_read
  from gate cross join wanted left join target on true
), change as (
  -- What differs from the account as it is; null stays as it is.
  select
    nullif($20::boolean, account.disabled_at is not null) as disabled,
    nullif($21::boolean, account.must_change_password) as must_change_password,
    $22::boolean
    and account.username is distinct from $23::text as renames,
    $24::boolean and (
        coalesce(account.password_hash, account.password_changed_at::text, account.reset_sent_at::text,
            account.familiar_reset_sent_at::text) is not null
        or exists (select from identities where identities.user_id = account.id)
        or exists (select from sessions where sessions.user_id = account.id and sessions.revoked_at is null)
        or exists (select from one_time_tokens token
          where token.user_id = account.id and token.used_at is null and token.expires_at > $25::timestamptz
            and token.purpose = any($26::text[]))) as forgets,
    case when not (target.roles <@ $27::text[] and target.roles @> $28::text[])
    then $29::text[] end as roles
  from verdict, target join users account on account.id = target.id
  where verdict.refusal is null
), changed_user as (
  update users account set
    disabled_at = case change.disabled
    when true then $30::timestamptz when false then null else account.disabled_at end,
    must_change_password = coalesce(change.must_change_password, account.must_change_password),
    username = case when change.renames then $31::text else account.username end,
    password_hash = case when not change.forgets then account.password_hash end,
    password_changed_at = case when not change.forgets then account.password_changed_at end,
    reset_sent_at = case when not change.forgets then account.reset_sent_at end,
    familiar_reset_sent_at = case when not change.forgets then account.familiar_reset_sent_at end,
    familiar_since = case when change.forgets then $32::timestamptz else account.familiar_since end,
    familiar_ip = case when not change.forgets then account.familiar_ip end,
  updated_at = $33
  from change
  where account.id = $34::uuid and (change.disabled is not null or change.must_change_password is not null
      or change.renames or change.forgets or change.roles is not null)
  returning account.id
), removed_roles as (
  delete from user_roles using changed_user, change
  where user_roles.user_id = changed_user.id and not (user_roles.role_name = any(change.roles))
), new_roles as (
  insert into user_roles (user_id, role_name)
  select changed_user.id, name from changed_user, change, unnest(change.roles) name
  on conflict do nothing
), ended_sessions as (
  update sessions session set revoked_at = $35,
    revoked_reason = $36
  from changed_user
  where $37::boolean and session.user_id = changed_user.id and session.revoked_at is null
), ended_tokens as (
  update one_time_tokens token set used_at = $38, password_hash = null, username = null
  from changed_user
  where token.user_id = changed_user.id and token.purpose = any($39::text[])
    and token.used_at is null and token.expires_at > $40::timestamptz and true
),
unlinked as (
  delete from identities identity
  where identity.user_id in (select changed_user.id from changed_user where $41::boolean) and true
  returning identity.id, identity.user_id
), audited_identities as (
  insert into audit_events (id, type, actor_id, subject_id, created_at, ip, user_agent, request_id, details)
  select $42::uuid, $43, (select gate.user_id from gate), gone.user_id, $44::timestamptz,
    $45::inet, $46, $47, jsonb_build_object('identity_ids', gone.ids) from (
      select unlinked.user_id, jsonb_agg(unlinked.id) as ids from unlinked group by unlinked.user_id) gone
), audited as (
  insert into audit_events (id, type, actor_id, subject_id, created_at, ip, user_agent, request_id, details)
  select $48::uuid, $49, (select gate.user_id from gate), changed_user.id, $50::timestamptz,
    $51::inet, $52, $53, (
      select jsonb_strip_nulls(jsonb_build_object(
          'disabled', change.disabled,
          'must_change_password', change.must_change_password,
          'username', case when change.renames then 'changed' end,
          'password', case when change.forgets then 'removed' end,
          'roles', change.roles,
          'roles_before', case when change.roles is not null then to_jsonb(target.roles) end))
      from change, target) from changed_user
)
select verdict.refusal, verdict.may_read,
  array(select target.id from target where verdict.refusal is null) as changed_accounts
from verdict;
-- columns
--   refusal           text
--   may_read          boolean
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
--   $13  bigint                    0
--   $14  text[]                    []
--   $15  boolean                   true
--   $16  text[]                    ["1"]
--   $17  boolean                   true
--   $18  boolean                   false
--   $19  boolean                   true
--   $20  boolean                   true
--   $21  boolean                   null
--   $22  boolean                   false
--   $23  text                      null
--   $24  boolean                   true
--   $25  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $26  text[]                    ["reset_password","invitation","change_email"]
--   $27  text[]                    null
--   $28  text[]                    null
--   $29  text[]                    null
--   $30  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $31  text                      null
--   $32  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $33  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $34  uuid                      '00000000-0000-7000-8000-000000000010'
--   $35  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $36  text                      'account_disabled'
--   $37  boolean                   true
--   $38  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $39  text[]                    ["reset_password","invitation","change_email"]
--   $40  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $41  boolean                   true
--   $42  uuid                      '00000000-0000-7000-8000-000000000002'
--   $43  text                      'identity.unlinked'
--   $44  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $45  inet                      '192.0.2.1'
--   $46  text                      'a browser'
--   $47  text                      'a request'
--   $48  uuid                      '00000000-0000-7000-8000-000000000001'
--   $49  text                      'account.changed'
--   $50  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $51  inet                      '192.0.2.1'
--   $52  text                      'a browser'
--   $53  text                      'a request'

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
--   $1  uuid  '00000000-0000-7000-8000-000000000010'

commit;
