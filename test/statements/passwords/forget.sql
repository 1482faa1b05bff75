with mailed_user as (
  update users set
    reset_sent_at = case when known.is_familiar then reset_sent_at else $1::timestamptz end,
    familiar_reset_sent_at =
    case when known.is_familiar then $2::timestamptz else familiar_reset_sent_at end
  from (
    select named.id, exists (
      select from (
        select earlier.created_at from sessions earlier
        where earlier.user_id = named.id
          and network(set_masklen(earlier.ip, case family(earlier.ip) when 4 then 24
              else 64 end)) = network(set_masklen($3::inet, case family($4::inet) when 4 then 24 else 64 end))
        order by earlier.id desc limit $5
      ) known
      where known.created_at >= coalesce((select owner.familiar_since from users owner where owner.id = named.id),
          '-infinity'::timestamptz)) as is_familiar
    from users named where named.email = $6
  ) known
  where users.id = known.id and users.email = $7 and disabled_at is null
    and (case when known.is_familiar then familiar_reset_sent_at else reset_sent_at end is null or case
        when known.is_familiar then familiar_reset_sent_at else reset_sent_at end <= $8)
  returning users.id as user_id, users.email
),
mailed_token as (
  insert into one_time_tokens (
      id, user_id, purpose, email, proved_at, code_mac, code_expires_at, created_at, expires_at)
  select $9::uuid, source.user_id, $10::text, source.email, null::timestamptz,
    $11::text, $12::timestamptz,
    $13::timestamptz, $14::timestamptz
  from (select mailed_user.user_id, mailed_user.email from mailed_user) source
  returning id, user_id, email),
mailed as (
  insert into outbox (id, user_id, recipient, template, details, to_proved_address, created_at, next_attempt_at)
  select $15::uuid, source.user_id, source.recipient, $16::text,
    jsonb_build_object('token_id', $17::text) || jsonb_build_object('ip', $18::text, 'user_agent', $19::text),
    exists (
      select from users proved where proved.email = source.recipient and proved.email_verified_at is not null),
    $20::timestamptz, $21::timestamptz
  from (select mailed_token.user_id, mailed_token.email as recipient from mailed_token) source
  returning id)
insert into audit_events (id, type, actor_id, subject_id, created_at, ip, user_agent, request_id, details)
select $22::uuid, $23, null::uuid, mailed_user.user_id, $24::timestamptz,
  $25::inet, $26, $27, '{}'::jsonb from (select 1) always left join mailed_user on true;
-- parameters
--   $1   timestamp with time zone  2026-01-31T12:00:00.000Z
--   $2   timestamp with time zone  2026-01-31T12:00:00.000Z
--   $3   inet                      '192.0.2.1'
--   $4   inet                      '192.0.2.1'
--   $5   bigint                    100
--   $6   text                      'person@example.com'
--   $7   text                      'person@example.com'
--   $8   timestamp with time zone  2026-01-31T11:59:00.000Z
--   $9   uuid                      '00000000-0000-7000-8000-000000000012'
--   $10  text                      'reset_password'
--   $11  text                      null
--   $12  timestamp with time zone  null
--   $13  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $14  timestamp with time zone  2026-01-31T12:30:00.000Z
--   $15  uuid                      '00000000-0000-7000-8000-000000000013'
--   $16  text                      'reset_password'
--   $17  text                      '00000000-0000-7000-8000-000000000012'
--   $18  text                      '192.0.2.1'
--   $19  text                      'a browser'
--   $20  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $21  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $22  uuid                      '00000000-0000-7000-8000-000000000001'
--   $23  text                      'password.reset_requested'
--   $24  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $25  inet                      '192.0.2.1'
--   $26  text                      'a browser'
--   $27  text                      'a request'
