begin;

select account.id from users account where account.email = $1 for no key update of account;
-- columns
--   id  uuid
-- parameters
--   $1  text  'person@example.com'

with presented_token as (
  select token.id, token.user_id, token.email, token.code_mac = $1 as is_right
  from one_time_tokens token
  where token.id = (
    select mailed.id from one_time_tokens mailed
    where mailed.email = $2 and mailed.purpose = 'verify_email' order by mailed.id desc limit 1)
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
), older as (
  select from (select 1) always where exists (
    select from one_time_tokens token
    where token.email = $6 and token.purpose = 'verify_email' and token.code_mac = $7
      and token.id < (
        select mailed.id from one_time_tokens mailed
        where mailed.email = $8 and mailed.purpose = 'verify_email' order by mailed.id desc limit 1)
      and token.used_at is null and token.code_expires_at > $9)
), tried_token as (
  update one_time_tokens token set code_attempts = token.code_attempts + $10::int,
    used_at = case when verdict.is_right then $11::timestamptz end,
    succeeded_at = case when verdict.is_right then $12::timestamptz end, password_hash = null, username = null
  from verdict where token.id = verdict.id and token.used_at is null
    and (verdict.is_right or not exists (select from older))
  returning token.id, token.user_id, token.email, verdict.is_right, verdict.kind
), proved as (
  select * from tried_token where is_right
), repeated as (
  select repeat.user_id, repeat.email, repeat.username, reset.id as reset_token_id, case
    when repeat.email = $13::text then 'claimed'
    when reset.id is not null then 'bare'
    else 'bound'
    end as kind
  from (
    select token.user_id, token.succeeded_at, token.used_at, token.expires_at,
      account.email, account.username, account.password_hash
    from one_time_tokens token join users account on account.id = token.user_id and account.email = token.email
    where token.succeeded_at is not null and account.email_verified_at is not null and account.disabled_at is null
      and token.id = (
        select mailed.id from one_time_tokens mailed
        where mailed.email = $14 and mailed.purpose = 'verify_email' order by mailed.id desc limit 1)
      and token.code_mac = $15 and token.code_expires_at > $16) repeat
  left join one_time_tokens reset on reset.user_id = repeat.user_id and reset.purpose = 'reset_password'
    and reset.created_at = repeat.succeeded_at and reset.used_at is null
    and repeat.password_hash is null and repeat.succeeded_at > $17
  where repeat.email is distinct from $18::text
    or repeat.password_hash = $19::text
), superseded as (
  select from older where not exists (select from proved) and not exists (select from repeated)
), chosen as (
  select proved.user_id, $20::text as password_hash,
    case when $21::boolean
    and not exists (select from users holder where holder.username = $22::text)
    then $23::text end as username
  from proved where proved.kind = 'claimed'
), verified_account as (
  update users set email_verified_at = coalesce(users.email_verified_at, $24), updated_at = $25,
    familiar_since = case when proved.kind in ('claimed', 'bare') then $26::timestamptz else users.familiar_since end,
    familiar_ip = case when proved.kind in ('claimed', 'bare') then $27::inet else users.familiar_ip end,
    password_hash = coalesce(chosen.password_hash, users.password_hash),
    password_changed_at =
    case when chosen.password_hash is null then users.password_changed_at else $28::timestamptz end,
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
  select $29::uuid, $30, gone.user_id, gone.user_id, $31::timestamptz,
    $32::inet, $33, $34, jsonb_build_object('identity_ids', gone.ids) from (
      select unlinked.user_id, jsonb_agg(unlinked.id) as ids from unlinked group by unlinked.user_id) gone
), ended_sessions as (
  update sessions session set revoked_at = $35, revoked_reason = 'password_changed'
  from proved
  where session.user_id = proved.user_id and proved.kind in ('claimed', 'bare') and session.revoked_at is null
), voided_tokens as (
  update one_time_tokens token set used_at = $36, password_hash = null, username = null
  from verified_account
  where token.user_id = verified_account.id and token.purpose = any($37::text[])
    and token.used_at is null and token.expires_at > $38::timestamptz and
    token.id <> verified_account.token_id
    and (token.purpose = 'verify_email' or verified_account.kind <> 'bound')
), reset_token as (
  insert into one_time_tokens (
      id, user_id, purpose, email, proved_at, code_mac, code_expires_at, created_at, expires_at)
  select $39::uuid, source.user_id, $40::text, source.email, null::timestamptz,
    $41::text, $42::timestamptz,
    $43::timestamptz, $44::timestamptz
  from (select proved.user_id, proved.email from proved where proved.kind = 'bare') source
  returning id, user_id, email
), audited as (
  insert into audit_events (id, type, actor_id, subject_id, created_at, ip, user_agent, request_id, details)
  select $45::uuid, $46, null::uuid, verified_account.id, $47::timestamptz,
    $48::inet, $49, $50, '{}'::jsonb from verified_account
), audited_reset as (
  insert into audit_events (id, type, actor_id, subject_id, created_at, ip, user_agent, request_id, details)
  select $51::uuid, $52, null::uuid, reset_token.user_id, $53::timestamptz,
    $54::inet, $55, $56, '{}'::jsonb from reset_token
), audited_refusal as (
  insert into audit_events (id, type, actor_id, subject_id, created_at, ip, user_agent, request_id, details)
  select $57::uuid, $58, null::uuid, tried_token.user_id, $59::timestamptz,
    $60::inet, $61, $62, '{}'::jsonb from (select 1) always left join tried_token on true
  where $63::boolean and not exists (select from proved) and not exists (select from repeated)
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
--   $1   text                      'mac of a code'
--   $2   text                      'person@example.com'
--   $3   timestamp with time zone  2026-01-31T12:00:00.000Z
--   $4   integer                   5
--   $5   text                      null
--   $6   text                      'person@example.com'
--   $7   text                      'mac of a code'
--   $8   text                      'person@example.com'
--   $9   timestamp with time zone  2026-01-31T12:00:00.000Z
--   $10  integer                   1
--   $11  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $12  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $13  text                      null
--   $14  text                      'person@example.com'
--   $15  text                      'mac of a code'
--   $16  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $17  timestamp with time zone  2026-01-31T11:59:50.000Z
--   $18  text                      null
--   $19  text                      null
--   $20  text                      null
--   $21  boolean                   true
--   $22  text                      null
--   $23  text                      null
--   $24  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $25  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $26  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $27  inet                      '192.0.2.1'
--   $28  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $29  uuid                      '00000000-0000-7000-8000-000000000004'
--   $30  text                      'identity.unlinked'
--   $31  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $32  inet                      '192.0.2.1'
--   $33  text                      'a browser'
--   $34  text                      'a request'
--   $35  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $36  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $37  text[]                    ["verify_email","reset_password","invitation","change_email"]
--   $38  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $39  uuid                      '00000000-0000-7000-8000-000000000028'
--   $40  text                      'reset_password'
--   $41  text                      null
--   $42  timestamp with time zone  null
--   $43  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $44  timestamp with time zone  2026-01-31T12:30:00.000Z
--   $45  uuid                      '00000000-0000-7000-8000-000000000001'
--   $46  text                      'email.verified'
--   $47  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $48  inet                      '192.0.2.1'
--   $49  text                      'a browser'
--   $50  text                      'a request'
--   $51  uuid                      '00000000-0000-7000-8000-000000000002'
--   $52  text                      'password.reset_requested'
--   $53  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $54  inet                      '192.0.2.1'
--   $55  text                      'a browser'
--   $56  text                      'a request'
--   $57  uuid                      '00000000-0000-7000-8000-000000000003'
--   $58  text                      'email.code_refused'
--   $59  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $60  inet                      '192.0.2.1'
--   $61  text                      'a browser'
--   $62  text                      'a request'
--   $63  boolean                   true

commit;
