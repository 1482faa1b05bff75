begin;

select account.id from one_time_tokens token join users account on account.id = token.user_id
where token.id = $1::uuid for no key update of account;
-- columns
--   id  uuid
-- parameters
--   $1  uuid  '00000000-0000-7000-8000-000000000012'

with used_token as (
  update one_time_tokens set used_at = $1, succeeded_at = $2
  where id = $3 and purpose = any($4::text[]) and used_at is null and expires_at > $5
  returning user_id, email
), changed_user as (
  update users set password_hash = $6, password_changed_at = $7, must_change_password = false,
    email_verified_at = coalesce(users.email_verified_at, $8), familiar_since = $9,
    reset_sent_at = null, familiar_reset_sent_at = null, updated_at = $10
  from used_token
  where users.id = used_token.user_id and users.email = used_token.email and users.disabled_at is null
  returning users.id, users.email
), ended_session as (
  update sessions set revoked_at = $11, revoked_reason = 'password_changed'
  from changed_user where sessions.user_id = changed_user.id and sessions.revoked_at is null
), voided_tokens as (
  update one_time_tokens token set used_at = $12, password_hash = null, username = null
  from changed_user
  where token.user_id = changed_user.id and token.purpose = any($13::text[])
    and token.used_at is null and token.id <> $14
),
unlinked as (
  delete from identities identity where identity.user_id in (select changed_user.id from changed_user)
    and not (identity.vouched and identity.email is not distinct from (select changed_user.email from changed_user))
  returning identity.id, identity.user_id
), audited_identities as (
  insert into audit_events (id, type, actor_id, subject_id, created_at, ip, user_agent, request_id, details)
  select $15::uuid, $16, gone.user_id, gone.user_id, $17::timestamptz,
    $18::inet, $19, $20, jsonb_build_object('identity_ids', gone.ids) from (
      select unlinked.user_id, jsonb_agg(unlinked.id) as ids from unlinked group by unlinked.user_id) gone
), voided_undos as (
  update one_time_tokens undo set used_at = $21
  from changed_user
  where undo.user_id = changed_user.id and undo.purpose = 'restore_email' and undo.used_at is null
    and undo.proved_at > undo.created_at - $22::int * interval '1 second'
), new_mail as (
  insert into outbox (id, user_id, recipient, template, details, to_proved_address, created_at, next_attempt_at)
  select $23::uuid, source.user_id, source.recipient, $24::text,
    jsonb_build_object('ip', $25::text, 'user_agent', $26::text),
    exists (
      select from users proved where proved.email = source.recipient and proved.email_verified_at is not null),
    $27::timestamptz, $28::timestamptz
  from (select changed_user.id as user_id, changed_user.email as recipient from changed_user) source
  returning id
), audited as (
  insert into audit_events (id, type, actor_id, subject_id, created_at, ip, user_agent, request_id, details)
  select $29::uuid, $30, changed_user.id, changed_user.id, $31::timestamptz,
    $32::inet, $33, $34, '{}'::jsonb from changed_user
)
select changed_user.id from changed_user;
-- columns
--   id  uuid
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
--   $10  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $11  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $12  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $13  text[]                    ["reset_password","invitation","change_email","verify_email"]
--   $14  uuid                      '00000000-0000-7000-8000-000000000012'
--   $15  uuid                      '00000000-0000-7000-8000-000000000002'
--   $16  text                      'identity.unlinked'
--   $17  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $18  inet                      '192.0.2.1'
--   $19  text                      'a browser'
--   $20  text                      'a request'
--   $21  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $22  integer                   604800
--   $23  uuid                      '00000000-0000-7000-8000-000000000013'
--   $24  text                      'password_changed'
--   $25  text                      '192.0.2.1'
--   $26  text                      'a browser'
--   $27  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $28  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $29  uuid                      '00000000-0000-7000-8000-000000000001'
--   $30  text                      'password.reset'
--   $31  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $32  inet                      '192.0.2.1'
--   $33  text                      'a browser'
--   $34  text                      'a request'

commit;
