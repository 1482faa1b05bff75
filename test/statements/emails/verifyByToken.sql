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
    familiar_since = case when proved.kind in ('claimed', 'bare') then $18::timestamptz else users.familiar_since end,
    familiar_ip = case when proved.kind in ('claimed', 'bare') then $19::inet else users.familiar_ip end,
    password_hash = coalesce(chosen.password_hash, users.password_hash),
    password_changed_at =
    case when chosen.password_hash is null then users.password_changed_at else $20::timestamptz end,
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
  select $21::uuid, $22, gone.user_id, gone.user_id, $23::timestamptz,
    $24::inet, $25, $26, jsonb_build_object('identity_ids', gone.ids) from (
      select unlinked.user_id, jsonb_agg(unlinked.id) as ids from unlinked group by unlinked.user_id) gone
), ended_sessions as (
  update sessions session set revoked_at = $27, revoked_reason = 'password_changed'
  from proved
  where session.user_id = proved.user_id and proved.kind in ('claimed', 'bare') and session.revoked_at is null
), voided_tokens as (
  update one_time_tokens token set used_at = $28, password_hash = null, username = null
  from verified_account
  where token.user_id = verified_account.id and token.purpose = any($29::text[])
    and token.used_at is null and token.expires_at > $30::timestamptz and
    token.id <> verified_account.token_id
    and (token.purpose = 'verify_email' or verified_account.kind <> 'bound')
), reset_token as (
  insert into one_time_tokens (
      id, user_id, purpose, email, proved_at, code_mac, code_expires_at, created_at, expires_at)
  select $31::uuid, source.user_id, $32::text, source.email, null::timestamptz,
    $33::text, $34::timestamptz,
    $35::timestamptz, $36::timestamptz
  from (select proved.user_id, proved.email from proved where proved.kind = 'bare') source
  returning id, user_id, email
), audited as (
  insert into audit_events (id, type, actor_id, subject_id, created_at, ip, user_agent, request_id, details)
  select $37::uuid, $38, null::uuid, verified_account.id, $39::timestamptz,
    $40::inet, $41, $42, '{}'::jsonb from verified_account
), audited_reset as (
  insert into audit_events (id, type, actor_id, subject_id, created_at, ip, user_agent, request_id, details)
  select $43::uuid, $44, null::uuid, reset_token.user_id, $45::timestamptz,
    $46::inet, $47, $48, '{}'::jsonb from reset_token
), audited_refusal as (
  insert into audit_events (id, type, actor_id, subject_id, created_at, ip, user_agent, request_id, details)
  select $49::uuid, $50, null::uuid, tried_token.user_id, $51::timestamptz,
    $52::inet, $53, $54, '{}'::jsonb from (select 1) always left join tried_token on true
  where $55::boolean and not exists (select from proved) and not exists (select from repeated)
    and not exists (select from superseded)
)
select proved.kind, proved.user_id, proved.email, verified_account.username, false as is_repeat,
(select reset_token.id from reset_token) as reset_token_id,
  array(select verified_account.id from verified_account) as changed_accounts
from proved left join verified_account on true
union all
select repeated.kind, repeated.user_id, repeated.email, repeated.username, true, repeated.reset_token_id,
  array[repeated.user_id]
from repeated
union all
select 'superseded', null, null, null, false, null, null from superseded;
-- columns
--   kind              text
--   user_id           uuid
--   email             text
--   username          text
--   is_repeat         boolean
--   reset_token_id    uuid
--   changed_accounts  uuid[]
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
--   $19  inet                      '192.0.2.1'
--   $20  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $21  uuid                      '00000000-0000-7000-8000-000000000004'
--   $22  text                      'identity.unlinked'
--   $23  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $24  inet                      '192.0.2.1'
--   $25  text                      'a browser'
--   $26  text                      'a request'
--   $27  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $28  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $29  text[]                    ["verify_email","reset_password","invitation","change_email"]
--   $30  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $31  uuid                      '00000000-0000-7000-8000-000000000028'
--   $32  text                      'reset_password'
--   $33  text                      null
--   $34  timestamp with time zone  null
--   $35  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $36  timestamp with time zone  2026-01-31T12:30:00.000Z
--   $37  uuid                      '00000000-0000-7000-8000-000000000001'
--   $38  text                      'email.verified'
--   $39  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $40  inet                      '192.0.2.1'
--   $41  text                      'a browser'
--   $42  text                      'a request'
--   $43  uuid                      '00000000-0000-7000-8000-000000000002'
--   $44  text                      'password.reset_requested'
--   $45  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $46  inet                      '192.0.2.1'
--   $47  text                      'a browser'
--   $48  text                      'a request'
--   $49  uuid                      '00000000-0000-7000-8000-000000000003'
--   $50  text                      'email.code_refused'
--   $51  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $52  inet                      '192.0.2.1'
--   $53  text                      'a browser'
--   $54  text                      'a request'
--   $55  boolean                   false

commit;
