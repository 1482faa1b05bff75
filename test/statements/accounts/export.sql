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
), found as (
  select * from ((
    select $5::text as list, one.id, to_json(one.*) as item from (
      select identity.id, identity.issuer, identity.subject, identity.email, identity.vouched, identity.created_at,
        identity.last_used_at
      from identities identity
      where identity.user_id = (select gate.user_id from gate where gate.refusal is null)) one
    order by one.id desc limit $6) union all (
      select $7::text as list, one.id, to_json(one.*) as item from (
        select session.id, session.created_at, session.refreshed_at, session.expires_at, session.revoked_at,
          host(session.ip) as ip, session.user_agent
        from sessions session where session.user_id = (select gate.user_id from gate where gate.refusal is null)) one
      order by one.id desc limit $8) union all (
        select $9::text as list, one.id, to_json(one.*) as item from (
          select known.id, known.device, known.created_at, known.last_seen_at, known.told_at
          from known_devices known
          where known.user_id = (select gate.user_id from gate where gate.refusal is null)) one
        order by one.id desc limit $10) union all (
        select $11::text as list, one.id, to_json(one.*) as item from (
          select mail.id, mail.recipient, mail.template, mail.created_at, mail.sent_at from outbox mail
          where mail.user_id = (select gate.user_id from gate where gate.refusal is null)
            and mail.recipient = (select account.email from users account
              where account.id = (select gate.user_id from gate where gate.refusal is null))) one
        order by one.id desc limit $12) union all (
        select $13::text as list, one.id, to_json(one.*) as item from (
          select token.id, token.purpose, token.email, token.created_at, token.expires_at, token.used_at
          from one_time_tokens token
          where token.user_id = (select gate.user_id from gate where gate.refusal is null)
            and token.email = (select account.email from users account
              where account.id = (select gate.user_id from gate where gate.refusal is null))) one
        order by one.id desc limit $14) union all (
        select $15::text as list, one.id, to_json(one.*) as item from (
          select upload."id", upload."filename", upload."content_type", upload."size", upload."sha256",
            upload."status", upload."reason", upload."created_at", upload."expires_at" from uploads upload
          where upload.user_id = (select gate.user_id from gate where gate.refusal is null)
            and upload.deleted_at is null) one
        order by one.id desc limit $16) union all (
        select $17::text as list, one.id, to_json(one.*) as item from (
          select
            event.id, event.type, event.actor_id, event.subject_id, event.created_at, host(event.ip) as ip,
            event.user_agent, event.request_id, event.details from audit_events event
          where event.subject_id = (select gate.user_id from gate where gate.refusal is null)) one
        order by one.id desc limit $18)) listed order by id desc limit $19
)
select gate.refusal,
  account.id, account.email, account.email_verified_at is not null as email_verified, account.username,
  account.created_at, account.password_changed_at, account.must_change_password,
  array(select held.role_name from user_roles held where held.user_id = account.id order by held.role_name) as roles,
  array(select distinct unnest(role.permissions) as permission
    from user_roles held join roles role on role.name = held.role_name
    where held.user_id = account.id order by permission) as permissions, (
    select coalesce(
        json_agg(json_build_object('list', found.list, 'item', found.item) order by found.id desc), '[]')
    from found
) as records
from gate left join users account on account.id = gate.user_id and gate.refusal is null;
-- columns
--   refusal               text
--   id                    uuid
--   email                 text
--   email_verified        boolean
--   username              text
--   created_at            timestamp with time zone
--   password_changed_at   timestamp with time zone
--   must_change_password  boolean
--   roles                 text[]
--   permissions           text[]
--   records               json
-- parameters
--   $1   timestamp with time zone  2026-01-31T12:00:00.000Z
--   $2   boolean                   false
--   $3   uuid                      '00000000-0000-7000-8000-000000000011'
--   $4   uuid                      '00000000-0000-7000-8000-000000000010'
--   $5   text                      'identities'
--   $6   bigint                    21
--   $7   text                      'sessions'
--   $8   bigint                    21
--   $9   text                      'devices'
--   $10  bigint                    21
--   $11  text                      'mails'
--   $12  bigint                    21
--   $13  text                      'tokens'
--   $14  bigint                    21
--   $15  text                      'uploads'
--   $16  bigint                    21
--   $17  text                      'events'
--   $18  bigint                    21
--   $19  bigint                    21
