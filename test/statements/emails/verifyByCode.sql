begin;

select account.id from users account where account.email = $1 for no key update of account;
-- columns
--   id  uuid
-- parameters
--   $1  text  'person@example.com'

with presented_token as (
  select token.id, token.user_id, token.email, token.code_mac = $1 as is_right
  from one_time_tokens token
  where token.id = (select mailed.id from one_time_tokens mailed
    where mailed.email = $2 and mailed.purpose = 'verify_email'
    order by mailed.id desc limit 1)
    and token.used_at is null and token.code_expires_at > $3
    and token.code_attempts < $4), verdict as (
    select presented_token.id, presented_token.is_right,
      case
      when presented_token.email = $5::text and (
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
  update one_time_tokens token set code_attempts = token.code_attempts + $6::int,
    used_at = case when verdict.is_right then $7::timestamptz end, password_hash = null, username = null
  from verdict where token.id = verdict.id and token.used_at is null
  returning token.id, token.user_id, token.email, verdict.is_right, verdict.kind
), proved as (
  select * from tried_token where is_right
), chosen as (
  select proved.user_id, $8::text as password_hash,
    case when $9::boolean
    and not exists (select from users holder where holder.username = $10::text)
    then $11::text end as username
  from proved where proved.kind = 'claimed'
), verified_account as (
  update users set email_verified_at = coalesce(users.email_verified_at, $12), updated_at = $13,
    familiar_since =
    case when proved.kind in ('claimed', 'bare') then $14::timestamptz else users.familiar_since end,
    familiar_ip = case when proved.kind in ('claimed', 'bare') then $15::inet else users.familiar_ip end,
    password_hash = coalesce(chosen.password_hash, users.password_hash),
    password_changed_at =
    case when chosen.password_hash is null then users.password_changed_at else $16::timestamptz end,
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
  select $17::uuid, $18, gone.user_id, gone.user_id, $19::timestamptz,
    $20::inet, $21, $22, jsonb_build_object('identity_ids', gone.ids) from (
      select unlinked.user_id, jsonb_agg(unlinked.id) as ids from unlinked group by unlinked.user_id) gone
), ended_sessions as (
  update sessions session set revoked_at = $23, revoked_reason = 'password_changed'
  from proved
  where session.user_id = proved.user_id and proved.kind in ('claimed', 'bare') and session.revoked_at is null
), voided_tokens as (
  update one_time_tokens token set used_at = $24, password_hash = null, username = null
  from verified_account
  where token.user_id = verified_account.id and token.purpose = any($25::text[])
    and token.used_at is null and
    token.id <> verified_account.token_id
    and (token.purpose = 'verify_email' or verified_account.kind <> 'bound')
), reset_token as (
  insert into one_time_tokens (
      id, user_id, purpose, email, proved_at, code_mac, code_expires_at, created_at, expires_at)
  select $26::uuid, source.user_id, $27::text, source.email, null::timestamptz,
    $28::text, $29::timestamptz,
    $30::timestamptz, $31::timestamptz
  from (select proved.user_id, proved.email from proved where proved.kind = 'bare') source
  returning id, user_id, email
), audited as (
  insert into audit_events (id, type, actor_id, subject_id, created_at, ip, user_agent, request_id, details)
  select $32::uuid, $33, null::uuid, verified_account.id, $34::timestamptz,
    $35::inet, $36, $37, '{}'::jsonb from verified_account
), audited_reset as (
  insert into audit_events (id, type, actor_id, subject_id, created_at, ip, user_agent, request_id, details)
  select $38::uuid, $39, null::uuid, reset_token.user_id, $40::timestamptz,
    $41::inet, $42, $43, '{}'::jsonb from reset_token
), audited_refusal as (
  insert into audit_events (id, type, actor_id, subject_id, created_at, ip, user_agent, request_id, details)
  select $44::uuid, $45, null::uuid, tried_token.user_id, $46::timestamptz,
    $47::inet, $48, $49, '{}'::jsonb from (select 1) always left join tried_token on true
  where $50::boolean and not exists (select from proved)
)
select proved.kind, proved.user_id, proved.email, verified_account.username
from proved left join verified_account on true;
-- columns
--   kind      text
--   user_id   uuid
--   email     text
--   username  text
-- parameters
--   $1   text                      'mac of a code'
--   $2   text                      'person@example.com'
--   $3   timestamp with time zone  2026-01-31T12:00:00.000Z
--   $4   integer                   5
--   $5   text                      null
--   $6   integer                   1
--   $7   timestamp with time zone  2026-01-31T12:00:00.000Z
--   $8   text                      null
--   $9   boolean                   true
--   $10  text                      null
--   $11  text                      null
--   $12  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $13  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $14  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $15  inet                      '192.0.2.1'
--   $16  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $17  uuid                      '00000000-0000-7000-8000-000000000004'
--   $18  text                      'identity.unlinked'
--   $19  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $20  inet                      '192.0.2.1'
--   $21  text                      'a browser'
--   $22  text                      'a request'
--   $23  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $24  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $25  text[]                    ["verify_email","reset_password","invitation","change_email"]
--   $26  uuid                      '00000000-0000-7000-8000-000000000028'
--   $27  text                      'reset_password'
--   $28  text                      null
--   $29  timestamp with time zone  null
--   $30  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $31  timestamp with time zone  2026-01-31T12:30:00.000Z
--   $32  uuid                      '00000000-0000-7000-8000-000000000001'
--   $33  text                      'email.verified'
--   $34  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $35  inet                      '192.0.2.1'
--   $36  text                      'a browser'
--   $37  text                      'a request'
--   $38  uuid                      '00000000-0000-7000-8000-000000000002'
--   $39  text                      'password.reset_requested'
--   $40  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $41  inet                      '192.0.2.1'
--   $42  text                      'a browser'
--   $43  text                      'a request'
--   $44  uuid                      '00000000-0000-7000-8000-000000000003'
--   $45  text                      'email.code_refused'
--   $46  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $47  inet                      '192.0.2.1'
--   $48  text                      'a browser'
--   $49  text                      'a request'
--   $50  boolean                   true

commit;
