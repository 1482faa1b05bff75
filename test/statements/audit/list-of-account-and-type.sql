with
gate as (
  select held.session_id, held.user_id, held.permissions, case
    when held.refusal is not null then held.refusal
    when held.password_due then 'password_change_required'
    when ($1::text = any(held.permissions)) is not true then 'forbidden' end as refusal
  from (
    select session.id as session_id, account.id as user_id,
      array(select distinct unnest(role.permissions) as permission
        from user_roles held join roles role on role.name = held.role_name
        where held.user_id = account.id order by permission) as permissions,
      account.password_changed_at is not null and (
          account.must_change_password or coalesce(
              account.password_changed_at < $2::timestamptz - $3::int * interval '1 day',
              false)
    ) as password_due,
      case
      when (
          session.revoked_at is not null or session.expires_at <= $4::timestamptz
          or (session.created_at < coalesce((select not_before from session_cutoff),
              '-infinity'::timestamptz))) then 'session_revoked'
      when account.disabled_at is not null then 'account_disabled'
      when $5::boolean and account.email_verified_at is null then 'email_not_verified'
      end as refusal
    from
      sessions session join users account on account.id = session.user_id
    where session.id = $6 and account.id = $7
  ) held
)
select gate.refusal,
  listed_event.id, listed_event.type, listed_event.actor_id, listed_event.subject_id, listed_event.created_at,
  host(listed_event.ip) as ip,
  listed_event.user_agent, listed_event.request_id, listed_event.details
from gate left join lateral (
  select * from (
    (select event.* from audit_events event
      where event.subject_id = $8::uuid
        and event.id < $9::uuid
        and case when event.type = $10 then true else false end
      order by event.id desc limit $11)
    union all
    (select event.* from audit_events event
      where event.actor_id = $12::uuid and event.actor_id is distinct from event.subject_id
        and event.id < $13::uuid
        and case when event.type = $14 then true else false end
      order by event.id desc limit $15)) found order by found.id desc limit $16
) listed_event on gate.refusal is null
order by listed_event.id desc;
-- columns
--   refusal     text
--   id          uuid
--   type        text
--   actor_id    uuid
--   subject_id  uuid
--   created_at  timestamp with time zone
--   ip          text
--   user_agent  text
--   request_id  text
--   details     jsonb
-- parameters
--   $1   text                      'users:read'
--   $2   timestamp with time zone  2026-01-31T12:00:00.000Z
--   $3   integer                   365
--   $4   timestamp with time zone  2026-01-31T12:00:00.000Z
--   $5   boolean                   true
--   $6   uuid                      '00000000-0000-7000-8000-000000000011'
--   $7   uuid                      '00000000-0000-7000-8000-000000000010'
--   $8   uuid                      '00000000-0000-7000-8000-000000000010'
--   $9   uuid                      '00000000-0000-7000-8000-000000000015'
--   $10  text                      'login.failed'
--   $11  bigint                    21
--   $12  uuid                      '00000000-0000-7000-8000-000000000010'
--   $13  uuid                      '00000000-0000-7000-8000-000000000015'
--   $14  text                      'login.failed'
--   $15  bigint                    21
--   $16  bigint                    21
