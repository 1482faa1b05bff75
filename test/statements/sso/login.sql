begin;

select pg_advisory_xact_lock(lock.key)::text from (
  select distinct hashtextextended(name, 0) as key
  from unnest(array[jsonb_build_array('identity', $1::text, $2::text)::text,
      'address ' || $3::text]) name
  where name is not null order by key) lock;
-- columns
--   pg_advisory_xact_lock  text
-- parameters
--   $1  text  'https://idp.example'
--   $2  text  'a subject'
--   $3  text  'person@example.com'

select account.id from users account where account.id in (
  select known.user_id from identities known where known.issuer = $1 and known.subject = $2
  union all select holder.id from users holder where holder.email = $3::text)
order by account.id for no key update of account;
-- columns
--   id  uuid
-- parameters
--   $1  text  'https://idp.example'
--   $2  text  'a subject'
--   $3  text  'person@example.com'

with known_identity as (
  select identities.id, identities.user_id, case
    when users.disabled_at is not null then 'account_disabled'
    when $1::boolean and users.email_verified_at is null then 'email_not_verified'
    else 'known' end as kind
  from identities join users on users.id = identities.user_id
  where identities.issuer = $2 and identities.subject = $3
), address_owner as (
  select users.id, users.email, users.disabled_at is not null as disabled,
    users.email_verified_at is not null as proved
  from users
  where users.email = $4::text and not exists (select from known_identity)
  -- Looks again at an account that is moving to another address at this moment.
  for no key update of users
), linked_account as (
  select address_owner.id as user_id, address_owner.email as recipient from address_owner
  where address_owner.proved and not address_owner.disabled and $5::boolean
), new_account as (
  insert into users (id, email, email_verified_at, verification_sent_at, created_at, updated_at)
  select $6::uuid, $7::text,
    case when $8::boolean then $9::timestamptz end,
    case when not $10::boolean then $11::timestamptz end,
    $12::timestamptz, $13::timestamptz
  where $14::text is not null and not $15::boolean
    and not exists (select from known_identity) and not exists (select from address_owner)
    and not exists (
      select from one_time_tokens undo
      where (
          undo.email = $16::text and undo.purpose = 'restore_email' and undo.used_at is null
          and undo.expires_at > $17::timestamptz) and undo.user_id is distinct from null::uuid)
  on conflict (email) do nothing
  returning id, email
), granted_role as (
  insert into user_roles (user_id, role_name) select new_account.id, 'user' from new_account
), new_identity as (
  insert into identities (id, user_id, issuer, subject, vouched, email, created_at, last_used_at)
  select $18::uuid, holder.user_id, $19::text, $20::text, $21::boolean,
    $22::text, $23::timestamptz, $24::timestamptz
  from (
    select linked_account.user_id from linked_account union all select new_account.id from new_account
  ) holder
  returning user_id
), used_identity as (
  update identities set last_used_at = $25 from known_identity
  where identities.id = known_identity.id and known_identity.kind = 'known'
), notice as (
  insert into outbox (id, user_id, recipient, template, details, to_proved_address, created_at, next_attempt_at)
  select $26::uuid, source.user_id, source.recipient, $27::text,
    jsonb_build_object('provider', $28::text) || jsonb_build_object('ip', $29::text, 'user_agent', $30::text),
    exists (
      select from users proved where proved.email = source.recipient and proved.email_verified_at is not null),
    $31::timestamptz, $32::timestamptz
  from (select linked_account.user_id, linked_account.recipient from linked_account) source
  returning id
), audited_account as (
  insert into audit_events (id, type, actor_id, subject_id, created_at, ip, user_agent, request_id, details)
  select $33::uuid, $34, new_account.id, new_account.id, $35::timestamptz,
    $36::inet, $37, $38, jsonb_build_object('provider', $39::text) from new_account
), audited_identity as (
  insert into audit_events (id, type, actor_id, subject_id, created_at, ip, user_agent, request_id, details)
  select $40::uuid, $41, new_identity.user_id, new_identity.user_id, $42::timestamptz,
    $43::inet, $44, $45, jsonb_build_object('provider', $46::text) from new_identity
), audited_refusal as (
  insert into audit_events (id, type, actor_id, subject_id, created_at, ip, user_agent, request_id, details)
  select $47::uuid, $48, null::uuid, address_owner.id, $49::timestamptz,
    $50::inet, $51, $52, jsonb_build_object('provider', $53::text) from address_owner
  where not exists (select from linked_account)
)
select case
  when exists (select from known_identity) then (select known_identity.kind from known_identity)
  when $54::text is null then 'no_email'
-- Whether or not an account has the address, so that nobody learns it.
  when $55::boolean then 'not_trusted'
  when exists (select from new_account) then 'created'
  when exists (select from linked_account) then 'linked'
  when not exists (select from address_owner) and not exists (
    select from one_time_tokens undo
    where (
        undo.email = $56::text and undo.purpose = 'restore_email' and undo.used_at is null
        and undo.expires_at > $57::timestamptz) and undo.user_id is distinct from null::uuid) then 'raced'
  when not $58::boolean then 'not_vouched'
  when not exists (select from address_owner) then 'reserved'
  when (select address_owner.disabled from address_owner) then 'account_disabled'
  else 'not_proved' end as kind,
  exists (select from notice)  as mailed;
-- columns
--   kind    text
--   mailed  boolean
-- parameters
--   $1   boolean                   true
--   $2   text                      'https://idp.example'
--   $3   text                      'a subject'
--   $4   text                      'person@example.com'
--   $5   boolean                   true
--   $6   uuid                      '00000000-0000-7000-8000-000000000004'
--   $7   text                      'person@example.com'
--   $8   boolean                   true
--   $9   timestamp with time zone  2026-01-31T12:00:00.000Z
--   $10  boolean                   true
--   $11  timestamp with time zone  null
--   $12  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $13  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $14  text                      'person@example.com'
--   $15  boolean                   false
--   $16  text                      'person@example.com'
--   $17  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $18  uuid                      '00000000-0000-7000-8000-000000000005'
--   $19  text                      'https://idp.example'
--   $20  text                      'a subject'
--   $21  boolean                   true
--   $22  text                      'person@example.com'
--   $23  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $24  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $25  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $26  uuid                      '00000000-0000-7000-8000-000000000029'
--   $27  text                      'identity_linked'
--   $28  text                      'A provider'
--   $29  text                      '192.0.2.1'
--   $30  text                      'a browser'
--   $31  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $32  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $33  uuid                      '00000000-0000-7000-8000-000000000001'
--   $34  text                      'account.signed_up'
--   $35  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $36  inet                      '192.0.2.1'
--   $37  text                      'a browser'
--   $38  text                      'a request'
--   $39  text                      'idp'
--   $40  uuid                      '00000000-0000-7000-8000-000000000002'
--   $41  text                      'identity.linked'
--   $42  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $43  inet                      '192.0.2.1'
--   $44  text                      'a browser'
--   $45  text                      'a request'
--   $46  text                      'idp'
--   $47  uuid                      '00000000-0000-7000-8000-000000000003'
--   $48  text                      'identity.refused'
--   $49  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $50  inet                      '192.0.2.1'
--   $51  text                      'a browser'
--   $52  text                      'a request'
--   $53  text                      'idp'
--   $54  text                      'person@example.com'
--   $55  boolean                   false
--   $56  text                      'person@example.com'
--   $57  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $58  boolean                   true

with new_session as (
  insert into sessions
    (id, user_id, scope, refreshed_at, created_at, expires_at, absolute_expires_at, ip, user_agent, late_device)
  select $1::uuid, owner.id, $2, $3::timestamptz, $4::timestamptz,
    $5::timestamptz, $6::timestamptz, $7::inet, $8::text, $9::text
  from (
    select account.id from users account where account.id = (
      select identities.user_id from identities
      where identities.issuer = $10 and identities.subject = $11 and identities.xmin = pg_current_xact_id()::xid)
      and account.disabled_at is null
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
    $37::inet, $38, $39, jsonb_build_object('provider', $40::text) from new_session
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
--   $10  text                      'https://idp.example'
--   $11  text                      'a subject'
--   $12  timestamp with time zone  2026-01-31T06:00:00.000Z
--   $13  inet                      '192.0.2.1'
--   $14  inet                      '192.0.2.1'
--   $15  bigint                    100
--   $16  inet                      '192.0.2.1'
--   $17  inet                      '192.0.2.1'
--   $18  text                      'an unknown device'
--   $19  uuid                      '00000000-0000-7000-8000-000000000007'
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
--   $34  uuid                      '00000000-0000-7000-8000-000000000006'
--   $35  text                      'session.opened'
--   $36  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $37  inet                      '192.0.2.1'
--   $38  text                      'a browser'
--   $39  text                      'a request'
--   $40  text                      'idp'

commit;
