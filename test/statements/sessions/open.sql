begin;

select account.id from users account where account.id = $1::uuid for no key update of account;
-- columns
--   id  uuid
-- parameters
--   $1  uuid  '00000000-0000-7000-8000-000000000010'

with new_session as (
  insert into sessions
    (id, user_id, scope, refreshed_at, created_at, expires_at, absolute_expires_at, ip, user_agent, late_device)
  select $1::uuid, owner.id, $2, $3::timestamptz, $4::timestamptz,
    $5::timestamptz, $6::timestamptz, $7::inet, $8::text, $9::text
  from (
    select account.id from users account where account.id = $10 and account.password_hash is not null
      and account.password_changed_at is not distinct from $11::timestamptz and account.disabled_at is null
    for no key update of account) owner
  returning user_id
), device as (
  select judged.user_id, judged.is_new,
    judged.is_new and not coalesce(judged.told_at > greatest($12::timestamptz, judged.since), false) as is_told
  from (
    select new_session.user_id, owner.since, known.told_at, (
        known.has_any or exists (select from sessions before where before.user_id = new_session.user_id)
    ) and not ((known.has_this or not known.has_any) and (exists (
      select from (
        select earlier.created_at from sessions earlier
        where earlier.user_id = new_session.user_id
          and network(set_masklen(earlier.ip, case family(earlier.ip) when 4 then 24
              else 64 end)) = network(set_masklen($13::inet, case family($14::inet) when 4 then 24 else 64 end))
        order by earlier.id desc limit $15
      ) known
      where known.created_at >= owner.since) or owner.is_here) or not known.has_owners and owner.is_here) as is_new
    from new_session cross join lateral (
      select coalesce(account.familiar_since, '-infinity'::timestamptz) as since, coalesce(
          network(set_masklen(account.familiar_ip, case family(account.familiar_ip) when 4 then 24
              else 64 end)) = network(set_masklen($16::inet, case family($17::inet) when 4 then 24 else 64 end)),
          false) as is_here
      from users account where account.id = new_session.user_id
    ) owner cross join lateral (
      select count(*) > 0 as has_any, coalesce(bool_or(held.last_seen_at >= owner.since), false) as has_owners,
        coalesce(bool_or(held.device = $18::text and held.last_seen_at >= owner.since), false) as has_this,
        max(held.told_at) as told_at
      from known_devices held where held.user_id = new_session.user_id
    ) known
  ) judged
), remembered_device as (
  insert into known_devices (id, user_id, device, created_at, last_seen_at, told_at)
  select $19::uuid, device.user_id, $20::text, $21::timestamptz,
    $22::timestamptz, case when device.is_told then $23::timestamptz end
  from device where device.is_told or not device.is_new
  on conflict (user_id, device) do update set last_seen_at = excluded.last_seen_at,
    told_at = coalesce(excluded.told_at, known_devices.told_at)
), surplus as (
  update sessions set revoked_at = least(sessions.expires_at, $24::timestamptz),
    revoked_reason = case when not ranked.is_over then 'session_limit' end
  from (
    select live.id, live.is_over,
      count(*) filter (where not live.is_over) over (order by live.id desc) as place
    from new_session, lateral (
      select held.id, (
          held.revoked_at is not null or held.expires_at <= $25::timestamptz
          or (held.created_at < coalesce((select not_before from session_cutoff),
              '-infinity'::timestamptz))) as is_over from sessions held
      where held.user_id = new_session.user_id and held.revoked_at is null
      order by held.id desc limit $26
    ) live
  ) ranked
  where sessions.id = ranked.id and sessions.revoked_at is null
    and (ranked.is_over or ranked.place >= $27)
  returning sessions.user_id, sessions.revoked_reason
), new_mail as (
  insert into outbox (id, user_id, recipient, template, details, to_proved_address, created_at, next_attempt_at)
  select $28::uuid, source.user_id, source.recipient, $29::text,
    jsonb_build_object('ip', $30::text, 'user_agent', $31::text),
    exists (
      select from users proved where proved.email = source.recipient and proved.email_verified_at is not null),
    $32::timestamptz, $33::timestamptz
  from (
    select owner.id as user_id, owner.email as recipient
    from device join users owner on owner.id = device.user_id where device.is_told) source
  returning id
), audited as (
  insert into audit_events (id, type, actor_id, subject_id, created_at, ip, user_agent, request_id, details)
  select $34::uuid, $35, new_session.user_id, new_session.user_id, $36::timestamptz,
    $37::inet, $38, $39, '{}'::jsonb from new_session
)
select
  account.id, account.email, account.email_verified_at is not null as email_verified, account.username,
  account.created_at, account.password_changed_at, account.must_change_password,
  array(select held.role_name from user_roles held where held.user_id = account.id order by held.role_name) as roles,
  array(select distinct unnest(role.permissions) as permission
    from user_roles held join roles role on role.name = held.role_name
    where held.user_id = account.id order by permission) as permissions, device.is_told as is_device_told,
  array(select surplus.user_id from surplus where surplus.revoked_reason = 'session_limit') as changed_accounts
from device join users account on account.id = device.user_id;
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
--   is_device_told        boolean
--   changed_accounts      uuid[]
-- parameters
--   $1   uuid                      '00000000-0000-7000-8000-000000000027'
--   $2   text                      ''
--   $3   timestamp with time zone  2026-01-31T12:00:00.000Z
--   $4   timestamp with time zone  2026-01-31T12:00:00.000Z
--   $5   timestamp with time zone  2026-01-31T12:15:00.000Z
--   $6   timestamp with time zone  2026-01-31T23:00:00.000Z
--   $7   inet                      '192.0.2.1'
--   $8   text                      'a browser'
--   $9   text                      null
--   $10  uuid                      '00000000-0000-7000-8000-000000000010'
--   $11  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $12  timestamp with time zone  2026-01-31T06:00:00.000Z
--   $13  inet                      '192.0.2.1'
--   $14  inet                      '192.0.2.1'
--   $15  bigint                    100
--   $16  inet                      '192.0.2.1'
--   $17  inet                      '192.0.2.1'
--   $18  text                      'an unknown device'
--   $19  uuid                      '00000000-0000-7000-8000-000000000002'
--   $20  text                      'an unknown device'
--   $21  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $22  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $23  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $24  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $25  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $26  bigint                    549
--   $27  bigint                    50
--   $28  uuid                      '00000000-0000-7000-8000-000000000013'
--   $29  text                      'new_sign_in'
--   $30  text                      '192.0.2.1'
--   $31  text                      'a browser'
--   $32  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $33  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $34  uuid                      '00000000-0000-7000-8000-000000000001'
--   $35  text                      'session.opened'
--   $36  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $37  inet                      '192.0.2.1'
--   $38  text                      'a browser'
--   $39  text                      'a request'

commit;
