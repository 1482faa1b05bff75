begin;

with
gate as (
  select session.id as session_id, account.id as user_id,
    case
    when (
        session.revoked_at is not null or session.expires_at <= $1::timestamptz
        or (session.created_at < coalesce((select not_before from session_cutoff),
            '-infinity'::timestamptz))) then 'session_revoked'
    when account.disabled_at is not null then 'account_disabled'
    when $2::boolean and account.email_verified_at is null then 'email_not_verified'
    end as refusal
  from
    sessions session join users account on account.id = session.user_id
  where session.id = $3 and account.id = $4
)
select account.id from gate join users account on account.id = gate.user_id
where gate.refusal is null for no key update of account;
-- columns
--   id  uuid
-- parameters
--   $1  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $2  boolean                   true
--   $3  uuid                      '00000000-0000-7000-8000-000000000011'
--   $4  uuid                      '00000000-0000-7000-8000-000000000010'

with
gate as (
  select session.id as session_id, account.id as user_id,
    case
    when (
        session.revoked_at is not null or session.expires_at <= $1::timestamptz
        or (session.created_at < coalesce((select not_before from session_cutoff),
            '-infinity'::timestamptz))) then 'session_revoked'
    when account.disabled_at is not null then 'account_disabled'
    when $2::boolean and account.email_verified_at is null then 'email_not_verified'
    end as refusal
  from
    sessions session join users account on account.id = session.user_id
  where session.id = $3 and account.id = $4
), verdict as (
  select gate.user_id, case
    when gate.refusal is not null then gate.refusal
    when not exists (
      select from identities where identities.id = $5::uuid and identities.user_id = gate.user_id
  ) then 'not_found'
    when not (
        users.password_hash is not null or exists (
          select from identities way where way.user_id = users.id and way.id is distinct from $6::uuid
            and way.issuer = any($7::text[]))) then 'last_way_in' end as refusal
  from gate join users on users.id = gate.user_id
), removed_identity as (
  delete from identities using verdict
  where verdict.refusal is null and identities.id = $8::uuid
    and identities.user_id = verdict.user_id
  returning identities.id, identities.user_id
), audited as (
  insert into audit_events (id, type, actor_id, subject_id, created_at, ip, user_agent, request_id, details)
  select $9::uuid, $10, removed_identity.user_id, removed_identity.user_id, $11::timestamptz,
    $12::inet, $13, $14, jsonb_build_object('identity_ids', jsonb_build_array(removed_identity.id))
  from removed_identity
)
select verdict.refusal from verdict;
-- columns
--   refusal  text
-- parameters
--   $1   timestamp with time zone  2026-01-31T12:00:00.000Z
--   $2   boolean                   true
--   $3   uuid                      '00000000-0000-7000-8000-000000000011'
--   $4   uuid                      '00000000-0000-7000-8000-000000000010'
--   $5   uuid                      '00000000-0000-7000-8000-000000000026'
--   $6   uuid                      '00000000-0000-7000-8000-000000000026'
--   $7   text[]                    ["https://idp.example"]
--   $8   uuid                      '00000000-0000-7000-8000-000000000026'
--   $9   uuid                      '00000000-0000-7000-8000-000000000001'
--   $10  text                      'identity.unlinked'
--   $11  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $12  inet                      '192.0.2.1'
--   $13  text                      'a browser'
--   $14  text                      'a request'

commit;
