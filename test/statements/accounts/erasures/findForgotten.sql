insert into erasures (account_id, created_at)
select distinct deletion.account_id, $1::timestamptz from (
  select event.subject_id as account_id from audit_events event where event.type = 'account.deleted'
  order by event.id desc limit $2
) deletion
where exists (select from sessions session where session.user_id = deletion.account_id)
on conflict do nothing
returning true;
-- columns
--   ?column?  boolean
-- parameters
--   $1  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $2  bigint                    1000
