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
select gate.refusal, live.id, live.created_at, live.refreshed_at, host(live.ip) as ip, live.user_agent,
  live.id = gate.session_id as current
from gate left join lateral (
  select * from sessions session
  where gate.refusal is null and session.user_id = gate.user_id and not (
      session.revoked_at is not null or session.expires_at <= $5::timestamptz
      or (session.created_at < coalesce((select not_before from session_cutoff), '-infinity'::timestamptz)))
    and ($6::uuid is null or session.id < $7::uuid)
  order by session.id desc limit $8
) live on true
order by live.id desc;
-- columns
--   refusal       text
--   id            uuid
--   created_at    timestamp with time zone
--   refreshed_at  timestamp with time zone
--   ip            text
--   user_agent    text
--   current       boolean
-- parameters
--   $1  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $2  boolean                   true
--   $3  uuid                      '00000000-0000-7000-8000-000000000011'
--   $4  uuid                      '00000000-0000-7000-8000-000000000010'
--   $5  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $6  uuid                      null
--   $7  uuid                      null
--   $8  bigint                    21
