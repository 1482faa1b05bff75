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
), older as (
  select from (select 1) always where false
), tried_token as (
  update one_time_tokens token set code_attempts = token.code_attempts + $4::int,
    used_at = case when verdict.is_right then $5::timestamptz end,
    succeeded_at = case when verdict.is_right then $6::timestamptz end, password_hash = null, username = null
  from verdict where token.id = verdict.id and token.used_at is null
    and (verdict.is_right or not exists (select from older))
  returning token.id, token.user_id, token.email, verdict.is_right, verdict.kind
), proved as (
  select * from tried_token where is_right
), repeated as (
  select repeat.user_id, repeat.email, repeat.username, reset.id as reset_token_id, case
    when repeat.email = $7::text then 'claimed'
    when reset.id is not null then 'bare'
    else 'bound'
    end as kind
  from (
    select token.user_id, token.succeeded_at, token.used_at, token.expires_at,
      account.email, account.username, account.password_hash
    from one_time_tokens token join users account on account.id = token.user_id and account.email = token.email
    where token.succeeded_at is not null and account.email_verified_at is not null and account.disabled_at is null
      and token.id = $8 and token.purpose = 'verify_email') repeat
  left join one_time_tokens reset on reset.user_id = repeat.user_id and reset.purpose = 'reset_password'
    and reset.created_at = repeat.succeeded_at and reset.used_at is null
    and repeat.password_hash is null and repeat.succeeded_at > $9
  where repeat.email is distinct from $10::text
    or repeat.password_hash = $11::text
), superseded as (
  select from older where not exists (select from proved) and not exists (select from repeated)
), chosen as (
  select proved.user_id, $12::text as password_hash,
    case when $13::boolean
    and not exists (select from users holder where holder.username = $14::text)
    then $15::text end as username
  from proved where proved.kind = 'claimed'
), verified_account as (
  update users set email_verified_at = coalesce(users.email_verified_at, $16), updated_at = $17,
    familiar_since =
    case when proved.kind in ('claimed', 'bare') then $18::timestamptz else users.familiar_since end,
    password_hash = coalesce(chosen.password_hash, users.password_hash),
    password_changed_at =
    case when chosen.password_hash is null then users.password_changed_at else $19::timestamptz end,
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
  select $20::uuid, $21, gone.user_id, gone.user_id, $22::timestamptz,
    $23::inet, $24, $25, jsonb_build_object('identity_ids', gone.ids) from (
      select unlinked.user_id, jsonb_agg(unlinked.id) as ids from unlinked group by unlinked.user_id) gone
), ended_sessions as (
  update sessions session set revoked_at = $26, revoked_reason = 'password_changed'
  from proved
  where session.user_id = proved.user_id and proved.kind in ('claimed', 'bare') and session.revoked_at is null
), voided_tokens as (
  update one_time_tokens token set used_at = $27, password_hash = null, username = null
  from verified_account
  where token.user_id = verified_account.id and token.purpose = any($28::text[])
    and token.used_at is null and
    token.id <> verified_account.token_id
    and (token.purpose = 'verify_email' or verified_account.kind <> 'bound')
), reset_token as (
  insert into one_time_tokens (
      id, user_id, purpose, email, proved_at, code_mac, code_expires_at, created_at, expires_at)
  select $29::uuid, source.user_id, $30::text, source.email, null::timestamptz,
    $31::text, $32::timestamptz,
    $33::timestamptz, $34::timestamptz
  from (select proved.user_id, proved.email from proved where proved.kind = 'bare') source
  returning id, user_id, email
), audited as (
  insert into audit_events (id, type, actor_id, subject_id, created_at, ip, user_agent, request_id, details)
  select $35::uuid, $36, null::uuid, verified_account.id, $37::timestamptz,
    $38::inet, $39, $40, '{}'::jsonb from verified_account
), audited_reset as (
  insert into audit_events (id, type, actor_id, subject_id, created_at, ip, user_agent, request_id, details)
  select $41::uuid, $42, null::uuid, reset_token.user_id, $43::timestamptz,
    $44::inet, $45, $46, '{}'::jsonb from reset_token
), audited_refusal as (
  insert into audit_events (id, type, actor_id, subject_id, created_at, ip, user_agent, request_id, details)
  select $47::uuid, $48, null::uuid, tried_token.user_id, $49::timestamptz,
    $50::inet, $51, $52, '{}'::jsonb from (select 1) always left join tried_token on true
  where $53::boolean and not exists (select from proved) and not exists (select from repeated)
    and not exists (select from superseded)
)
select proved.kind, proved.user_id, proved.email, verified_account.username, false as is_repeat,
(select reset_token.id from reset_token) as reset_token_id
from proved left join verified_account on true
union all
select repeated.kind, repeated.user_id, repeated.email, repeated.username, true, repeated.reset_token_id
from repeated
union all
select 'superseded', null, null, null, false, null from superseded;
-- columns
--   kind            text
--   user_id         uuid
--   email           text
--   username        text
--   is_repeat       boolean
--   reset_token_id  uuid
-- parameters
--   $1   uuid                      '00000000-0000-7000-8000-000000000012'
--   $2   timestamp with time zone  2026-01-31T12:00:00.000Z
--   $3   text                      'person@example.com'
--   $4   integer                   0
--   $5   timestamp with time zone  2026-01-31T12:00:00.000Z
--   $6   timestamp with time zone  2026-01-31T12:00:00.000Z
--   $7   text                      'person@example.com'
--   $8   uuid                      '00000000-0000-7000-8000-000000000012'
--   $9   timestamp with time zone  2026-01-31T11:59:50.000Z
--   $10  text                      'person@example.com'
--   $11  text                      'a hash'
--   $12  text                      'a hash'
--   $13  boolean                   true
--   $14  text                      'person'
--   $15  text                      'person'
--   $16  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $17  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $18  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $19  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $20  uuid                      '00000000-0000-7000-8000-000000000004'
--   $21  text                      'identity.unlinked'
--   $22  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $23  inet                      '192.0.2.1'
--   $24  text                      'a browser'
--   $25  text                      'a request'
--   $26  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $27  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $28  text[]                    ["verify_email","reset_password","invitation","change_email"]
--   $29  uuid                      '00000000-0000-7000-8000-000000000028'
--   $30  text                      'reset_password'
--   $31  text                      null
--   $32  timestamp with time zone  null
--   $33  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $34  timestamp with time zone  2026-01-31T12:30:00.000Z
--   $35  uuid                      '00000000-0000-7000-8000-000000000001'
--   $36  text                      'email.verified'
--   $37  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $38  inet                      '192.0.2.1'
--   $39  text                      'a browser'
--   $40  text                      'a request'
--   $41  uuid                      '00000000-0000-7000-8000-000000000002'
--   $42  text                      'password.reset_requested'
--   $43  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $44  inet                      '192.0.2.1'
--   $45  text                      'a browser'
--   $46  text                      'a request'
--   $47  uuid                      '00000000-0000-7000-8000-000000000003'
--   $48  text                      'email.code_refused'
--   $49  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $50  inet                      '192.0.2.1'
--   $51  text                      'a browser'
--   $52  text                      'a request'
--   $53  boolean                   false

commit;
