begin;

select account.id from one_time_tokens token join users account on account.id = token.user_id
where token.id = $1::uuid for no key update of account;
-- columns
--   id  uuid
-- parameters
--   $1  uuid  '00000000-0000-7000-8000-000000000012'

with presented_token as (
  select token.id, token.user_id, token.email, true as is_right from one_time_tokens token
  where token.id = $1 and token.purpose = 'verify_email' and token.used_at is null
    and token.expires_at > $2), verdict as (
    select presented_token.id, presented_token.is_right,
      case
      when presented_token.email = $3::text and (
          account.password_hash is null and account.email_verified_at is null
          and not exists (select from user_roles held where held.user_id = account.id
              and held.role_name <> 'user')) then 'claimed'
      when account.password_hash is null and account.email_verified_at is null
      and not exists (select from identities identity where identity.user_id = account.id) then 'bare'
      else 'bound'
      end as kind
    from presented_token
    join users account on account.id = presented_token.user_id and account.email = presented_token.email
), tried_token as (
  update one_time_tokens token set code_attempts = token.code_attempts + $4::int,
    used_at = case when verdict.is_right then $5::timestamptz end, password_hash = null, username = null
  from verdict where token.id = verdict.id and token.used_at is null
  returning token.id, token.user_id, token.email, verdict.is_right, verdict.kind
), proved as (
  select * from tried_token where is_right
), chosen as (
  select proved.user_id, $6::text as password_hash,
    case when $7::boolean
    and not exists (select from users holder where holder.username = $8::text)
    then $9::text end as username
  from proved where proved.kind = 'claimed'
), verified_account as (
  update users set email_verified_at = coalesce(users.email_verified_at, $10), updated_at = $11,
    familiar_since =
    case when proved.kind in ('claimed', 'bare') then $12::timestamptz else users.familiar_since end,
    familiar_ip = case when proved.kind in ('claimed', 'bare') then $13::inet else users.familiar_ip end,
    password_hash = coalesce(chosen.password_hash, users.password_hash),
    password_changed_at =
    case when chosen.password_hash is null then users.password_changed_at else $14::timestamptz end,
    username = coalesce(users.username, chosen.username)
  from proved left join chosen on true
  where users.id = proved.user_id
  returning users.id, users.email, users.username, proved.id as token_id, proved.kind
),
unlinked as (
  delete from identities identity where identity.user_id in (select chosen.user_id from chosen) and true
  returning identity.id, identity.user_id
), audited_identities as (
  insert into audit_events (id, type, actor_id, subject_id, created_at, ip, user_agent, request_id, details)
  select $15::uuid, $16, gone.user_id, gone.user_id, $17::timestamptz,
    $18::inet, $19, $20, jsonb_build_object('identity_ids', gone.ids) from (
      select unlinked.user_id, jsonb_agg(unlinked.id) as ids from unlinked group by unlinked.user_id) gone
), ended_sessions as (
  update sessions session set revoked_at = $21, revoked_reason = 'password_changed'
  from proved
  where session.user_id = proved.user_id and proved.kind in ('claimed', 'bare') and session.revoked_at is null
), voided_tokens as (
  update one_time_tokens token set used_at = $22, password_hash = null, username = null
  from verified_account
  where token.user_id = verified_account.id and token.purpose = any($23::text[])
    and token.used_at is null and
    token.id <> verified_account.token_id
    and (token.purpose = 'verify_email' or verified_account.kind <> 'bound')
), reset_token as (
  insert into one_time_tokens (
      id, user_id, purpose, email, proved_at, code_mac, code_expires_at, created_at, expires_at)
  select $24::uuid, source.user_id, $25::text, source.email, null::timestamptz,
    $26::text, $27::timestamptz,
    $28::timestamptz, $29::timestamptz
  from (select proved.user_id, proved.email from proved where proved.kind = 'bare') source
  returning id, user_id, email
), audited as (
  insert into audit_events (id, type, actor_id, subject_id, created_at, ip, user_agent, request_id, details)
  select $30::uuid, $31, null::uuid, verified_account.id, $32::timestamptz,
    $33::inet, $34, $35, '{}'::jsonb from verified_account
), audited_reset as (
  insert into audit_events (id, type, actor_id, subject_id, created_at, ip, user_agent, request_id, details)
  select $36::uuid, $37, null::uuid, reset_token.user_id, $38::timestamptz,
    $39::inet, $40, $41, '{}'::jsonb from reset_token
), audited_refusal as (
  insert into audit_events (id, type, actor_id, subject_id, created_at, ip, user_agent, request_id, details)
  select $42::uuid, $43, null::uuid, tried_token.user_id, $44::timestamptz,
    $45::inet, $46, $47, '{}'::jsonb from (select 1) always left join tried_token on true
  where $48::boolean and not exists (select from proved)
)
select proved.kind, proved.user_id, proved.email, verified_account.username
from proved left join verified_account on true;
-- columns
--   kind      text
--   user_id   uuid
--   email     text
--   username  text
-- parameters
--   $1   uuid                      '00000000-0000-7000-8000-000000000012'
--   $2   timestamp with time zone  2026-01-31T12:00:00.000Z
--   $3   text                      'person@example.com'
--   $4   integer                   0
--   $5   timestamp with time zone  2026-01-31T12:00:00.000Z
--   $6   text                      'a hash'
--   $7   boolean                   true
--   $8   text                      'person'
--   $9   text                      'person'
--   $10  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $11  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $12  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $13  inet                      '192.0.2.1'
--   $14  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $15  uuid                      '00000000-0000-7000-8000-000000000004'
--   $16  text                      'identity.unlinked'
--   $17  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $18  inet                      '192.0.2.1'
--   $19  text                      'a browser'
--   $20  text                      'a request'
--   $21  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $22  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $23  text[]                    ["verify_email","reset_password","invitation","change_email"]
--   $24  uuid                      '00000000-0000-7000-8000-000000000028'
--   $25  text                      'reset_password'
--   $26  text                      null
--   $27  timestamp with time zone  null
--   $28  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $29  timestamp with time zone  2026-01-31T12:30:00.000Z
--   $30  uuid                      '00000000-0000-7000-8000-000000000001'
--   $31  text                      'email.verified'
--   $32  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $33  inet                      '192.0.2.1'
--   $34  text                      'a browser'
--   $35  text                      'a request'
--   $36  uuid                      '00000000-0000-7000-8000-000000000002'
--   $37  text                      'password.reset_requested'
--   $38  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $39  inet                      '192.0.2.1'
--   $40  text                      'a browser'
--   $41  text                      'a request'
--   $42  uuid                      '00000000-0000-7000-8000-000000000003'
--   $43  text                      'email.code_refused'
--   $44  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $45  inet                      '192.0.2.1'
--   $46  text                      'a browser'
--   $47  text                      'a request'
--   $48  boolean                   false

commit;
