select
(select min(next_attempt_at) from outbox where sent_at is null and failed_at is null) as mail,
(select min(due.at) from (
  (select next_attempt_at as at from uploads where next_attempt_at is not null
    order by next_attempt_at limit 1)
  union all
  (select updated_at from uploads where user_id is null and deleted_at is null limit 1)
  ) due) as upload,
(select min(created_at) + $1::int * interval '1 second' from erasures) as erasure;
-- columns
--   mail     timestamp with time zone
--   upload   timestamp with time zone
--   erasure  timestamp with time zone
-- parameters
--   $1  integer  120
