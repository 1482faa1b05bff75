with mailed_user as (
  update users set
    reset_sent_at = case when known.is_familiar then reset_sent_at else $1::timestamptz end,
    familiar_reset_sent_at =
    case when known.is_familiar then $2::timestamptz else familiar_reset_sent_at end
  from (
    select named.id, exists (
      select from users owner where owner.id = named.id
        and (exists (
          select from (
            select earlier.created_at from sessions earlier
            where earlier.user_id = named.id
              and network(set_masklen(earlier.ip, case family(earlier.ip) when 4 then 24
                  else 64 end)) = network(set_masklen($3::inet, case family($4::inet) when 4 then 24 else 64 end))
            order by earlier.id desc limit $5
          ) known
          where known.created_at >= coalesce(owner.familiar_since, '-infinity'::timestamptz)) or coalesce(
              network(set_masklen(owner.familiar_ip, case family(owner.familiar_ip) when 4 then 24
                  else 64 end)) = network(set_masklen($6::inet, case family($7::inet) when 4 then 24 else 64 end)),
              false))) as is_familiar
    from users named where named.email = $8
  ) known
  where users.id = known.id and users.email = $9 and disabled_at is null
    and (case when known.is_familiar then familiar_reset_sent_at else reset_sent_at end is null or case
        when known.is_familiar then familiar_reset_sent_at else reset_sent_at end <= $10)
  returning users.id as user_id, users.email
),
mailed_token as (
  insert into one_time_tokens (
      id, user_id, purpose, email, proved_at, code_mac, code_expires_at, created_at, expires_at)
  select $11::uuid, source.user_id, $12::text, source.email, null::timestamptz,
    $13::text, $14::timestamptz,
    $15::timestamptz, $16::timestamptz
  from (select mailed_user.user_id, mailed_user.email from mailed_user) source
  returning id, user_id, email),
mailed as (
  insert into outbox (id, user_id, recipient, template, details, to_proved_address, created_at, next_attempt_at)
  select $17::uuid, source.user_id, source.recipient, $18::text,
    jsonb_build_object('token_id', $19::text) || jsonb_build_object('ip', $20::text, 'user_agent', $21::text),
    exists (
      select from users proved where proved.email = source.recipient and proved.email_verified_at is not null),
    $22::timestamptz, $23::timestamptz
  from (select mailed_token.user_id, mailed_token.email as recipient from mailed_token) source
  returning id)
insert into audit_events (id, type, actor_id, subject_id, created_at, ip, user_agent, request_id, details)
select $24::uuid, $25, null::uuid, mailed_user.user_id, $26::timestamptz,
  $27::inet, $28, $29, '{}'::jsonb from (select 1) always left join mailed_user on true;
-- parameters
--   $1   timestamp with time zone  2026-01-31T12:00:00.000Z
--   $2   timestamp with time zone  2026-01-31T12:00:00.000Z
--   $3   inet                      '192.0.2.1'
--   $4   inet                      '192.0.2.1'
--   $5   bigint                    100
--   $6   inet                      '192.0.2.1'
--   $7   inet                      '192.0.2.1'
--   $8   text                      'person@example.com'
--   $9   text                      'person@example.com'
--   $10  timestamp with time zone  2026-01-31T11:59:00.000Z
--   $11  uuid                      '00000000-0000-7000-8000-000000000012'
--   $12  text                      'reset_password'
--   $13  text                      null
--   $14  timestamp with time zone  null
--   $15  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $16  timestamp with time zone  2026-01-31T12:30:00.000Z
--   $17  uuid                      '00000000-0000-7000-8000-000000000013'
--   $18  text                      'reset_password'
--   $19  text                      '00000000-0000-7000-8000-000000000012'
--   $20  text                      '192.0.2.1'
--   $21  text                      'a browser'
--   $22  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $23  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $24  uuid                      '00000000-0000-7000-8000-000000000001'
--   $25  text                      'password.reset_requested'
--   $26  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $27  inet                      '192.0.2.1'
--   $28  text                      'a browser'
--   $29  text                      'a request'
