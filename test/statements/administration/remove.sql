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
where gate.refusal is null for update of account;
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
    when $13::boolean and not 'users:read' = any(gate.permissions) then 'forbidden'
    when target.id is null then 'not_found'
    when false then 'changed'
    when not target.permissions <@ gate.permissions then 'holds_more'
    when target.id = gate.user_id then 'own_authority'
    when target.is_last_administrator then 'last_administrator' end as refusal
  from gate left join target on true
),
erased as (
  delete from users
  where users.id = (select doomed.id
    from (select target.id from target, verdict where verdict.refusal is null) doomed)
  returning users.id, users.email
), pending_erasure as (
  insert into erasures (account_id, created_at) select erased.id, $14::timestamptz from erased
  on conflict do nothing
), deleted_sessions as (
  delete from sessions where id in (
    select one.id from erased, lateral (
      select session.id from sessions session where session.user_id = erased.id limit $15) one)
), anonymized_events as (
  update audit_events set ip = null, user_agent = null, request_id = 'erased' where id in (
    select one.id from erased, lateral (
      (select event.id from audit_events event
        where event.subject_id = erased.id and (event.actor_id is null or event.actor_id = erased.id)
          and (event.ip is not null or event.user_agent is not null or event.request_id <> 'erased') limit $16)
      union all
      (select event.id from audit_events event
        where event.actor_id = erased.id and event.actor_id is distinct from event.subject_id
          and (event.ip is not null or event.user_agent is not null or event.request_id <> 'erased') limit $17)) one
      limit $18)
), told as (
  insert into outbox (id, user_id, recipient, template, details, to_proved_address, created_at, next_attempt_at)
  select $19::uuid, source.user_id, source.recipient, $20::text, '{}'::jsonb,
    exists (
      select from users proved where proved.email = source.recipient and proved.email_verified_at is not null),
    $21::timestamptz, $22::timestamptz
  from (select null::uuid as user_id, erased.email as recipient from erased) source
  returning id
), told_before as (
  insert into outbox (id, user_id, recipient, template, details, to_proved_address, created_at, next_attempt_at)
  select (left($23, 15) || substr(gen_random_uuid()::text, 16))::uuid::uuid, source.user_id, source.recipient,
    $24::text, '{"is_former": true}'::jsonb,
    true, $25::timestamptz, $26::timestamptz
  from (
    select distinct null::uuid as user_id, undo.email as recipient
    from erased join one_time_tokens undo on undo.user_id = erased.id
    where (
        undo.email = undo.email and undo.purpose = 'restore_email' and undo.used_at is null
        and undo.expires_at > $27::timestamptz) and undo.email is distinct from erased.email) source
  returning id
), audited as (
  insert into audit_events (id, type, actor_id, subject_id, created_at, ip, user_agent, request_id, details)
  select $28::uuid, $29, (select gate.user_id from gate), erased.id, $30::timestamptz,
    $31::inet, $32, $33, '{}'::jsonb from erased
)
select verdict.refusal, array(select erased.id from erased) as changed_accounts from verdict;
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
--   $13  boolean                   false
--   $14  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $15  bigint                    1000
--   $16  bigint                    1000
--   $17  bigint                    1000
--   $18  bigint                    1000
--   $19  uuid                      '00000000-0000-7000-8000-000000000013'
--   $20  text                      'account_deleted'
--   $21  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $22  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $23  text                      '019c13ec-9e00-7000-8000-000000000000'
--   $24  text                      'account_deleted'
--   $25  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $26  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $27  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $28  uuid                      '00000000-0000-7000-8000-000000000001'
--   $29  text                      'account.deleted'
--   $30  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $31  inet                      '192.0.2.1'
--   $32  text                      'a browser'
--   $33  text                      'a request'

commit;
