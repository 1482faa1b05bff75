begin;

select account.id from one_time_tokens token join users account on account.id = token.user_id
where token.id = $1::uuid for no key update of account;
-- columns
--   id  uuid
-- parameters
--   $1  uuid  '00000000-0000-7000-8000-000000000012'

with used_token as (
  update one_time_tokens set used_at = $1, succeeded_at = $2
  where id = $3 and purpose = any($4::text[]) and one_time_tokens.used_at is null
    and one_time_tokens.expires_at > $5::timestamptz
  returning user_id, email
), changed_user as (
  update users set password_hash = $6, password_changed_at = $7, must_change_password = false,
    email_verified_at = coalesce(users.email_verified_at, $8), familiar_since = $9, familiar_ip = $10::inet,
    reset_sent_at = null, familiar_reset_sent_at = null, updated_at = $11
  from used_token
  where users.id = used_token.user_id and users.email = used_token.email and users.disabled_at is null
  returning users.id, users.email
), ended_session as (
  update sessions set revoked_at = $12, revoked_reason = 'password_changed'
  from changed_user where sessions.user_id = changed_user.id and sessions.revoked_at is null
), voided_tokens as (
  update one_time_tokens token set used_at = $13, password_hash = null, username = null
  from changed_user
  where token.user_id = changed_user.id and token.purpose = any($14::text[])
    and token.used_at is null and token.expires_at > $15::timestamptz and token.id <> $16
),
unlinked as (
  delete from identities identity where identity.user_id in (select changed_user.id from changed_user)
    and not (identity.vouched and identity.email is not distinct from (select changed_user.email from changed_user))
  returning identity.id, identity.user_id
), audited_identities as (
  insert into audit_events (id, type, actor_id, subject_id, created_at, ip, user_agent, request_id, details)
  select $17::uuid, $18, gone.user_id, gone.user_id, $19::timestamptz,
    $20::inet, $21, $22, jsonb_build_object('identity_ids', gone.ids) from (
      select unlinked.user_id, jsonb_agg(unlinked.id) as ids from unlinked group by unlinked.user_id) gone
), voided_undos as (
  update one_time_tokens undo set used_at = $23
  from changed_user
  where undo.user_id = changed_user.id and undo.purpose = 'restore_email'
    and undo.used_at is null and undo.expires_at > $24::timestamptz
    and undo.proved_at > undo.created_at - $25::int * interval '1 second'
), new_mail as (
  insert into outbox (id, user_id, recipient, template, details, to_proved_address, created_at, next_attempt_at)
  select $26::uuid, source.user_id, source.recipient, $27::text,
    jsonb_build_object('ip', $28::text, 'user_agent', $29::text),
    exists (
      select from users proved where proved.email = source.recipient and proved.email_verified_at is not null),
    $30::timestamptz, $31::timestamptz
  from (select changed_user.id as user_id, changed_user.email as recipient from changed_user) source
  returning id
), audited as (
  insert into audit_events (id, type, actor_id, subject_id, created_at, ip, user_agent, request_id, details)
  select $32::uuid, $33, changed_user.id, changed_user.id, $34::timestamptz,
    $35::inet, $36, $37, '{}'::jsonb from changed_user
)
select array(select changed_user.id from changed_user) as changed_accounts from changed_user;
-- columns
--   changed_accounts  uuid[]
-- parameters
--   $1   timestamp with time zone  2026-01-31T12:00:00.000Z
--   $2   timestamp with time zone  2026-01-31T12:00:00.000Z
--   $3   uuid                      '00000000-0000-7000-8000-000000000012'
--   $4   text[]                    ["reset_password","invitation"]
--   $5   timestamp with time zone  2026-01-31T12:00:00.000Z
--   $6   text                      'another hash'
--   $7   timestamp with time zone  2026-01-31T12:00:00.000Z
--   $8   timestamp with time zone  2026-01-31T12:00:00.000Z
--   $9   timestamp with time zone  2026-01-31T12:00:00.000Z
--   $10  inet                      '192.0.2.1'
--   $11  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $12  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $13  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $14  text[]                    ["reset_password","invitation","change_email","verify_email"]
--   $15  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $16  uuid                      '00000000-0000-7000-8000-000000000012'
--   $17  uuid                      '00000000-0000-7000-8000-000000000002'
--   $18  text                      'identity.unlinked'
--   $19  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $20  inet                      '192.0.2.1'
--   $21  text                      'a browser'
--   $22  text                      'a request'
--   $23  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $24  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $25  integer                   604800
--   $26  uuid                      '00000000-0000-7000-8000-000000000013'
--   $27  text                      'password_changed'
--   $28  text                      '192.0.2.1'
--   $29  text                      'a browser'
--   $30  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $31  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $32  uuid                      '00000000-0000-7000-8000-000000000001'
--   $33  text                      'password.reset'
--   $34  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $35  inet                      '192.0.2.1'
--   $36  text                      'a browser'
--   $37  text                      'a request'

commit;
