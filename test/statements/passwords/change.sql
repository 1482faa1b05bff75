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
select account.id from gate join users account on account.id = gate.user_id
where gate.refusal is null for no key update of account;
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
), changed_user as (
  update users set password_hash = $5, password_changed_at = $6, must_change_password = false,
    reset_sent_at = null, familiar_reset_sent_at = null, updated_at = $7
  from gate where gate.refusal is null and users.id = gate.user_id and users.password_hash = $8
  returning users.*
),
replaced as (
  insert into sessions
    (id, user_id, scope, refreshed_at, created_at, expires_at, absolute_expires_at, ip, user_agent, late_device)
  select $9::uuid, held.user_id, held.scope, $10::timestamptz, $11::timestamptz,
    least($12::timestamptz, held.absolute_expires_at),
    held.absolute_expires_at, $13::inet, $14::text, $15::text
  from (select changed_user.id from changed_user) account
  join gate on gate.user_id = account.id
  join sessions held on held.id = gate.session_id
  returning id as session_id, scope, refresh_counter, expires_at
), ended as (
  update sessions set revoked_at = $16, revoked_reason = $17
  from (select changed_user.id from changed_user) account, gate
  where sessions.user_id = account.id and sessions.revoked_at is null
), voided_tokens as (
  update one_time_tokens token set used_at = $18, password_hash = null, username = null
  from changed_user
  where token.user_id = changed_user.id and token.purpose = any($19::text[])
    and token.used_at is null and token.expires_at > $20::timestamptz and true
), new_mail as (
  insert into outbox (id, user_id, recipient, template, details, to_proved_address, created_at, next_attempt_at)
  select $21::uuid, source.user_id, source.recipient, $22::text,
    jsonb_build_object('ip', $23::text, 'user_agent', $24::text),
    exists (
      select from users proved where proved.email = source.recipient and proved.email_verified_at is not null),
    $25::timestamptz, $26::timestamptz
  from (select changed_user.id as user_id, changed_user.email as recipient from changed_user) source
  returning id
), audited as (
  insert into audit_events (id, type, actor_id, subject_id, created_at, ip, user_agent, request_id, details)
  select $27::uuid, $28, changed_user.id, changed_user.id, $29::timestamptz,
    $30::inet, $31, $32, '{}'::jsonb from changed_user
)
select replaced.*,
  changed_user.id, changed_user.email, changed_user.email_verified_at is not null as email_verified,
  changed_user.username,
  changed_user.created_at, changed_user.password_changed_at, changed_user.must_change_password,
  array(select held.role_name from user_roles held where held.user_id = changed_user.id
    order by held.role_name) as roles,
  array(select distinct unnest(role.permissions) as permission
    from user_roles held join roles role on role.name = held.role_name
    where held.user_id = changed_user.id order by permission) as permissions,
  array(select changed_user.id from changed_user) as changed_accounts
from changed_user, replaced;
-- columns
--   session_id            uuid
--   scope                 text
--   refresh_counter       integer
--   expires_at            timestamp with time zone
--   id                    uuid
--   email                 text
--   email_verified        boolean
--   username              text
--   created_at            timestamp with time zone
--   password_changed_at   timestamp with time zone
--   must_change_password  boolean
--   roles                 text[]
--   permissions           text[]
--   changed_accounts      uuid[]
-- parameters
--   $1   timestamp with time zone  2026-01-31T12:00:00.000Z
--   $2   boolean                   true
--   $3   uuid                      '00000000-0000-7000-8000-000000000011'
--   $4   uuid                      '00000000-0000-7000-8000-000000000010'
--   $5   text                      'another hash'
--   $6   timestamp with time zone  2026-01-31T12:00:00.000Z
--   $7   timestamp with time zone  2026-01-31T12:00:00.000Z
--   $8   text                      'a hash'
--   $9   uuid                      '00000000-0000-7000-8000-000000000001'
--   $10  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $11  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $12  timestamp with time zone  2026-01-31T13:00:00.000Z
--   $13  inet                      '192.0.2.1'
--   $14  text                      'a browser'
--   $15  text                      null
--   $16  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $17  text                      'password_changed'
--   $18  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $19  text[]                    ["reset_password","invitation","change_email"]
--   $20  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $21  uuid                      '00000000-0000-7000-8000-000000000013'
--   $22  text                      'password_changed'
--   $23  text                      '192.0.2.1'
--   $24  text                      'a browser'
--   $25  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $26  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $27  uuid                      '00000000-0000-7000-8000-000000000002'
--   $28  text                      'password.changed'
--   $29  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $30  inet                      '192.0.2.1'
--   $31  text                      'a browser'
--   $32  text                      'a request'

commit;
