begin;

with
gate as (
  select session.id as session_id, account.id as user_id,
    case
    when (
        session.revoked_at is not null or session.expires_at <= $1::timestamptz
        or (session.created_at < coalesce((select not_before from session_cutoff),
            '-infinity'::timestamptz))) then 'session_revoked'
    when account.disabled_at is not null then 'account_disabled'
    when $2::boolean and account.email_verified_at is null then 'email_not_verified'
    end as refusal
  from
    sessions session join users account on account.id = session.user_id
  where session.id = $3 and account.id = $4
)
select pg_advisory_xact_lock(hashtextextended('itsor authority', 0))::text from gate where gate.refusal is null;
-- columns
--   pg_advisory_xact_lock  text
-- parameters
--   $1  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $2  boolean                   true
--   $3  uuid                      '00000000-0000-7000-8000-000000000011'
--   $4  uuid                      '00000000-0000-7000-8000-000000000010'

with
gate as (
  select session.id as session_id, account.id as user_id,
    case
    when (
        session.revoked_at is not null or session.expires_at <= $1::timestamptz
        or (session.created_at < coalesce((select not_before from session_cutoff),
            '-infinity'::timestamptz))) then 'session_revoked'
    when account.disabled_at is not null then 'account_disabled'
    when $2::boolean and account.email_verified_at is null then 'email_not_verified'
    end as refusal
  from
    sessions session join users account on account.id = session.user_id
  where session.id = $3 and account.id = $4
)
select account.id from gate join users account on account.id = gate.user_id
where gate.refusal is null for update of account;
-- columns
--   id  uuid
-- parameters
--   $1  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $2  boolean                   true
--   $3  uuid                      '00000000-0000-7000-8000-000000000011'
--   $4  uuid                      '00000000-0000-7000-8000-000000000010'

with
gate as (
  select session.id as session_id, account.id as user_id,
    case
    when (
        session.revoked_at is not null or session.expires_at <= $1::timestamptz
        or (session.created_at < coalesce((select not_before from session_cutoff),
            '-infinity'::timestamptz))) then 'session_revoked'
    when account.disabled_at is not null then 'account_disabled'
    when $2::boolean and account.email_verified_at is null then 'email_not_verified'
    end as refusal
  from
    sessions session join users account on account.id = session.user_id
  where session.id = $3 and account.id = $4
), verdict as (
  select account.id, case
    when gate.refusal is not null then gate.refusal
    when account.password_hash is distinct from $5
    or account.updated_at <> $6::timestamptz
    then 'account_changed'
    when (
        exists (select from user_roles held where held.user_id = account.id and held.role_name = $7)
        and not exists (
          select from user_roles held join users other on other.id = held.user_id
          where held.role_name = $8 and other.id <> account.id and (
              other.disabled_at is null and (
                  other.password_hash is not null or exists (
                    select from identities way where way.user_id = other.id and way.id is distinct from null::uuid
                      and way.issuer = any($9::text[])))
              and (other.email_verified_at is not null
                  or not $10::boolean)))) then 'last_administrator' end as refusal
  from gate join users account on account.id = gate.user_id
),
erased as (
  delete from users
  where users.id = (select doomed.id from (select verdict.id from verdict where verdict.refusal is null) doomed)
  returning users.id, users.email
), pending_erasure as (
  insert into erasures (account_id, created_at) select erased.id, $11::timestamptz from erased
  on conflict do nothing
), deleted_sessions as (
  delete from sessions where id in (
    select one.id from erased, lateral (
      select session.id from sessions session where session.user_id = erased.id limit $12) one)
), anonymized_events as (
  update audit_events set ip = null, user_agent = null, request_id = 'erased' where id in (
    select one.id from erased, lateral (
      (select event.id from audit_events event
        where event.subject_id = erased.id and (event.actor_id is null or event.actor_id = erased.id)
          and (event.ip is not null or event.user_agent is not null or event.request_id <> 'erased') limit $13)
      union all
      (select event.id from audit_events event
        where event.actor_id = erased.id and event.actor_id is distinct from event.subject_id
          and (event.ip is not null or event.user_agent is not null or event.request_id <> 'erased') limit $14)) one
      limit $15)
), told as (
  insert into outbox (id, user_id, recipient, template, details, to_proved_address, created_at, next_attempt_at)
  select $16::uuid, source.user_id, source.recipient, $17::text, '{}'::jsonb,
    exists (
      select from users proved where proved.email = source.recipient and proved.email_verified_at is not null),
    $18::timestamptz, $19::timestamptz
  from (select null::uuid as user_id, erased.email as recipient from erased) source
  returning id
), told_before as (
  insert into outbox (id, user_id, recipient, template, details, to_proved_address, created_at, next_attempt_at)
  select (left($20, 15) || substr(gen_random_uuid()::text, 16))::uuid::uuid, source.user_id, source.recipient,
    $21::text, '{"is_former": true}'::jsonb,
    true, $22::timestamptz, $23::timestamptz
  from (
    select distinct null::uuid as user_id, undo.email as recipient
    from erased join one_time_tokens undo on undo.user_id = erased.id
    where (
        undo.email = undo.email and undo.purpose = 'restore_email' and undo.used_at is null
        and undo.expires_at > $24::timestamptz) and undo.email is distinct from erased.email) source
  returning id
), audited as (
  insert into audit_events (id, type, actor_id, subject_id, created_at, ip, user_agent, request_id, details)
  select $25::uuid, $26, erased.id, erased.id, $27::timestamptz,
    $28::inet, $29, $30, '{}'::jsonb
  from erased
)
select verdict.refusal, array(select erased.id from erased) as changed_accounts from verdict;
-- columns
--   refusal           text
--   changed_accounts  uuid[]
-- parameters
--   $1   timestamp with time zone  2026-01-31T12:00:00.000Z
--   $2   boolean                   true
--   $3   uuid                      '00000000-0000-7000-8000-000000000011'
--   $4   uuid                      '00000000-0000-7000-8000-000000000010'
--   $5   text                      'a hash'
--   $6   timestamp with time zone  2026-01-31T12:00:00.000Z
--   $7   text                      'admin'
--   $8   text                      'admin'
--   $9   text[]                    ["https://idp.example"]
--   $10  boolean                   true
--   $11  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $12  bigint                    1000
--   $13  bigint                    1000
--   $14  bigint                    1000
--   $15  bigint                    1000
--   $16  uuid                      '00000000-0000-7000-8000-000000000013'
--   $17  text                      'account_deleted'
--   $18  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $19  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $20  text                      '019c13ec-9e00-7000-8000-000000000000'
--   $21  text                      'account_deleted'
--   $22  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $23  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $24  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $25  uuid                      '00000000-0000-7000-8000-000000000001'
--   $26  text                      'account.deleted'
--   $27  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $28  inet                      null
--   $29  text                      null
--   $30  text                      'erased'

commit;
