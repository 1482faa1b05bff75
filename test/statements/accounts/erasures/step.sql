with due as (
  -- Erasures that only wait for time to pass must not hold up the others.
  select pending.account_id, pending.created_at from erasures pending
  where pending.created_at <= $1::timestamptz
    or exists (select from sessions session where session.user_id = pending.account_id)
    or exists (
      (select event.id from audit_events event
        where event.subject_id = pending.account_id
          and (event.actor_id is null or event.actor_id = pending.account_id)
          and (event.ip is not null or event.user_agent is not null or event.request_id <> 'erased') limit 1)
      union all
      (select event.id from audit_events event
        where event.actor_id = pending.account_id and event.actor_id is distinct from event.subject_id
          and (event.ip is not null or event.user_agent is not null or event.request_id <> 'erased') limit 1))
  order by pending.created_at, pending.account_id limit $2
), deleted_sessions as (
  delete from sessions where id in (
    select one.id from due, lateral (
      select session.id from sessions session where session.user_id = due.account_id limit $3) one
      limit $4)
  returning user_id
), anonymized_events as (
  update audit_events set ip = null, user_agent = null, request_id = 'erased' where id in (
    select one.id from due, lateral (
      (select event.id from audit_events event
        where event.subject_id = due.account_id and (event.actor_id is null or event.actor_id = due.account_id)
          and (event.ip is not null or event.user_agent is not null or event.request_id <> 'erased') limit $5)
      union all
      (select event.id from audit_events event
        where event.actor_id = due.account_id and event.actor_id is distinct from event.subject_id
          and (event.ip is not null or event.user_agent is not null or event.request_id <> 'erased') limit $6)) one
      limit $7)
  returning id
), done as (
  delete from erasures pending using due
  where pending.account_id = due.account_id and due.created_at <= $8::timestamptz
    and not exists (select from deleted_sessions) and not exists (select from anonymized_events)
  returning pending.account_id
)
select (select count(*)::int from deleted_sessions) as sessions,
(select count(*)::int from anonymized_events) as events, (select count(*)::int from done) as done;
-- columns
--   sessions  integer
--   events    integer
--   done      integer
-- parameters
--   $1  timestamp with time zone  2026-01-31T11:58:00.000Z
--   $2  bigint                    20
--   $3  bigint                    100
--   $4  bigint                    100
--   $5  bigint                    100
--   $6  bigint                    100
--   $7  bigint                    100
--   $8  timestamp with time zone  2026-01-31T11:58:00.000Z
