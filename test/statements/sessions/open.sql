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
    judged.is_new
    and not exists (select from known_devices known where known.user_id = judged.user_id and known.told_at > greatest(
        $12::timestamptz,
        coalesce((select owner.familiar_since from users owner where owner.id = judged.user_id),
            '-infinity'::timestamptz))) as is_told
  from (
    select new_session.user_id, (
        exists (select from sessions before where before.user_id = new_session.user_id)
        or exists (select from known_devices known where known.user_id = new_session.user_id)
    ) and not (
        exists (select from known_devices known where known.user_id = new_session.user_id and known.device = $13::text
            and known.last_seen_at >= coalesce((select owner.familiar_since from users owner
              where owner.id = new_session.user_id), '-infinity'::timestamptz)) and (exists (
              select from (
                select earlier.created_at from sessions earlier
                where earlier.user_id = new_session.user_id
                  and network(set_masklen(earlier.ip, case family(earlier.ip) when 4 then 24
                      else 64 end)) = network(set_masklen($14::inet, case family($15::inet) when 4 then 24
                          else 64 end))
                order by earlier.id desc limit $16
              ) known
              where known.created_at >= coalesce((select owner.familiar_since from users owner
                where owner.id = new_session.user_id), '-infinity'::timestamptz)
          ) or exists (
            select from users owner where owner.id = new_session.user_id
              and network(set_masklen(owner.familiar_ip, case family(owner.familiar_ip) when 4 then 24
                  else 64 end)) = network(set_masklen($17::inet, case family($18::inet) when 4 then 24 else 64 end))))
        or not exists (select from known_devices known where known.user_id = new_session.user_id) and (exists (
          select from (
            select earlier.created_at from sessions earlier
            where earlier.user_id = new_session.user_id
              and network(set_masklen(earlier.ip, case family(earlier.ip) when 4 then 24
                  else 64 end)) = network(set_masklen($19::inet, case family($20::inet) when 4 then 24 else 64 end))
            order by earlier.id desc limit $21
          ) known
          where known.created_at >= coalesce((select owner.familiar_since from users owner
            where owner.id = new_session.user_id), '-infinity'::timestamptz)
          ) or exists (
            select from users owner where owner.id = new_session.user_id
              and network(set_masklen(owner.familiar_ip, case family(owner.familiar_ip) when 4 then 24
                  else 64 end)) = network(set_masklen($22::inet, case family($23::inet) when 4 then 24 else 64 end))))
        or not exists (select from known_devices known where known.user_id = new_session.user_id
            and known.last_seen_at >= coalesce((select owner.familiar_since from users owner
              where owner.id = new_session.user_id), '-infinity'::timestamptz)) and exists (
          select from users owner where owner.id = new_session.user_id
            and network(set_masklen(owner.familiar_ip, case family(owner.familiar_ip) when 4 then 24
                else 64 end)) = network(set_masklen($24::inet, case family($25::inet) when 4 then 24
                    else 64 end)))) as is_new
    from new_session
  ) judged
), remembered_device as (
  insert into known_devices (id, user_id, device, created_at, last_seen_at, told_at)
  select $26::uuid, device.user_id, $27::text, $28::timestamptz,
    $29::timestamptz, case when device.is_told then $30::timestamptz end
  from device where device.is_told or not device.is_new
  on conflict (user_id, device) do update set last_seen_at = excluded.last_seen_at,
    told_at = coalesce(excluded.told_at, known_devices.told_at)
), surplus as (
  update sessions set revoked_at = least(sessions.expires_at, $31::timestamptz),
    revoked_reason = case when not ranked.is_over then 'session_limit' end
  from (
    select live.id, live.is_over,
      count(*) filter (where not live.is_over) over (order by live.id desc) as place
    from new_session, lateral (
      select held.id, (
          held.revoked_at is not null or held.expires_at <= $32::timestamptz
          or (held.created_at < coalesce((select not_before from session_cutoff),
              '-infinity'::timestamptz))) as is_over from sessions held
      where held.user_id = new_session.user_id and held.revoked_at is null
      order by held.id desc limit $33
    ) live
  ) ranked
  where sessions.id = ranked.id and sessions.revoked_at is null
    and (ranked.is_over or ranked.place >= $34)
  returning sessions.user_id, sessions.revoked_reason
), new_mail as (
  insert into outbox (id, user_id, recipient, template, details, to_proved_address, created_at, next_attempt_at)
  select $35::uuid, source.user_id, source.recipient, $36::text,
    jsonb_build_object('ip', $37::text, 'user_agent', $38::text),
    exists (
      select from users proved where proved.email = source.recipient and proved.email_verified_at is not null),
    $39::timestamptz, $40::timestamptz
  from (
    select owner.id as user_id, owner.email as recipient
    from new_session join users owner on owner.id = new_session.user_id, device where device.is_told) source
  returning id
), audited as (
  insert into audit_events (id, type, actor_id, subject_id, created_at, ip, user_agent, request_id, details)
  select $41::uuid, $42, new_session.user_id, new_session.user_id, $43::timestamptz,
    $44::inet, $45, $46, '{}'::jsonb from new_session
)
select
  account.id, account.email, account.email_verified_at is not null as email_verified, account.username,
  account.created_at, account.password_changed_at, account.must_change_password,
  array(select held.role_name from user_roles held where held.user_id = account.id order by held.role_name) as roles,
  array(select distinct unnest(role.permissions) as permission
    from user_roles held join roles role on role.name = held.role_name
    where held.user_id = account.id order by permission) as permissions, device.is_told as is_device_told,
  array(select surplus.user_id from surplus where surplus.revoked_reason = 'session_limit') as changed_accounts
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
--   $13  text                      'an unknown device'
--   $14  inet                      '192.0.2.1'
--   $15  inet                      '192.0.2.1'
--   $16  bigint                    100
--   $17  inet                      '192.0.2.1'
--   $18  inet                      '192.0.2.1'
--   $19  inet                      '192.0.2.1'
--   $20  inet                      '192.0.2.1'
--   $21  bigint                    100
--   $22  inet                      '192.0.2.1'
--   $23  inet                      '192.0.2.1'
--   $24  inet                      '192.0.2.1'
--   $25  inet                      '192.0.2.1'
--   $26  uuid                      '00000000-0000-7000-8000-000000000002'
--   $27  text                      'an unknown device'
--   $28  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $29  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $30  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $31  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $32  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $33  bigint                    549
--   $34  bigint                    50
--   $35  uuid                      '00000000-0000-7000-8000-000000000013'
--   $36  text                      'new_sign_in'
--   $37  text                      '192.0.2.1'
--   $38  text                      'a browser'
--   $39  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $40  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $41  uuid                      '00000000-0000-7000-8000-000000000001'
--   $42  text                      'session.opened'
--   $43  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $44  inet                      '192.0.2.1'
--   $45  text                      'a browser'
--   $46  text                      'a request'

commit;
