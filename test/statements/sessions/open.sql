begin;

select account.id from users account where account.id = $1::uuid for no key update of account;
-- columns
--   id  uuid
-- parameters
--   $1  uuid  '00000000-0000-7000-8000-000000000010'

with new_session as (
  insert into sessions
    (id, user_id, scope, refreshed_at, created_at, expires_at, absolute_expires_at, ip, user_agent)
  select $1::uuid, owner.id, $2, $3::timestamptz, $4::timestamptz,
    $5::timestamptz, $6::timestamptz, $7::inet, $8
  from (
    select account.id from users account where account.id = $9 and account.password_hash is not null
      and account.password_changed_at is not distinct from $10::timestamptz and account.disabled_at is null
    for no key update of account) owner
  returning user_id
), device as (
  select exists (select from sessions before where before.user_id = new_session.user_id)
    and not exists (
      select from (
        select known.user_agent
        from (
          select earlier.user_agent, earlier.created_at from sessions earlier
          where earlier.user_id = new_session.user_id
            and network(set_masklen(earlier.ip, case family(earlier.ip) when 4 then 24
                else 64 end)) = network(set_masklen($11::inet, case family($12::inet) when 4 then 24 else 64 end))
          order by earlier.id desc limit $13
        ) known
        where known.created_at >=
          coalesce((select owner.familiar_since from users owner where owner.id = new_session.user_id),
              '-infinity'::timestamptz)) known
      where known.user_agent is not distinct from $14::text) as is_new
  from new_session
), surplus as (
  update sessions set revoked_at = least(sessions.expires_at, $15::timestamptz),
    revoked_reason = case when not ranked.is_over then 'session_limit' end
  from (
    select live.id, live.is_over,
      count(*) filter (where not live.is_over) over (order by live.id desc) as place
    from new_session, lateral (
      select held.id, (
          held.revoked_at is not null or held.expires_at <= $16::timestamptz
          or (held.created_at < coalesce((select not_before from session_cutoff),
              '-infinity'::timestamptz))) as is_over from sessions held
      where held.user_id = new_session.user_id and held.revoked_at is null
      order by held.id desc limit $17
    ) live
  ) ranked
  where sessions.id = ranked.id and sessions.revoked_at is null
    and (ranked.is_over or ranked.place >= $18)
), new_mail as (
  insert into outbox (id, user_id, recipient, template, details, to_proved_address, created_at, next_attempt_at)
  select $19::uuid, source.user_id, source.recipient, $20::text,
    jsonb_build_object('ip', $21::text, 'user_agent', $22::text),
    exists (
      select from users proved where proved.email = source.recipient and proved.email_verified_at is not null),
    $23::timestamptz, $24::timestamptz
  from (
    select owner.id as user_id, owner.email as recipient
    from new_session join users owner on owner.id = new_session.user_id, device where device.is_new) source
  returning id
), audited as (
  insert into audit_events (id, type, actor_id, subject_id, created_at, ip, user_agent, request_id, details)
  select $25::uuid, $26, new_session.user_id, new_session.user_id, $27::timestamptz,
    $28::inet, $29, $30, '{}'::jsonb from new_session
)
select
  account.id, account.email, account.email_verified_at is not null as email_verified, account.username,
  account.created_at, account.password_changed_at, account.must_change_password,
  array(select held.role_name from user_roles held where held.user_id = account.id order by held.role_name) as roles,
  array(select distinct unnest(role.permissions) as permission
    from user_roles held join roles role on role.name = held.role_name
    where held.user_id = account.id order by permission) as permissions, device.is_new as is_new_device
from new_session join users account on account.id = new_session.user_id, device;
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
--   is_new_device         boolean
-- parameters
--   $1   uuid                      '00000000-0000-7000-8000-000000000027'
--   $2   text                      ''
--   $3   timestamp with time zone  2026-01-31T12:00:00.000Z
--   $4   timestamp with time zone  2026-01-31T12:00:00.000Z
--   $5   timestamp with time zone  2026-01-31T12:15:00.000Z
--   $6   timestamp with time zone  2026-01-31T23:00:00.000Z
--   $7   inet                      '192.0.2.1'
--   $8   text                      'a browser'
--   $9   uuid                      '00000000-0000-7000-8000-000000000010'
--   $10  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $11  inet                      '192.0.2.1'
--   $12  inet                      '192.0.2.1'
--   $13  bigint                    100
--   $14  text                      'a browser'
--   $15  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $16  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $17  bigint                    549
--   $18  bigint                    50
--   $19  uuid                      '00000000-0000-7000-8000-000000000013'
--   $20  text                      'new_sign_in'
--   $21  text                      '192.0.2.1'
--   $22  text                      'a browser'
--   $23  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $24  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $25  uuid                      '00000000-0000-7000-8000-000000000001'
--   $26  text                      'session.opened'
--   $27  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $28  inet                      '192.0.2.1'
--   $29  text                      'a browser'
--   $30  text                      'a request'

commit;
