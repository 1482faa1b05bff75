with mails as (
  select attempts, next_attempt_at from outbox where sent_at is null and failed_at is null
), files as (
  select status, next_attempt_at from uploads where next_attempt_at is not null
)
select
(select count(*)::int from mails where attempts = 0) as waiting,
(select count(*)::int from mails where attempts > 0) as delayed,
(select count(*)::int from files where status = 'pending') as pending,
(select count(*)::int from files where status = 'scanning') as scanning,
(select greatest(0, extract(epoch from $1::timestamptz - min(next_attempt_at)))::float8 from mails) as mail_overdue,
(select greatest(0, extract(epoch from $2::timestamptz - min(next_attempt_at)))::float8 from files) as upload_overdue;
-- columns
--   waiting         integer
--   delayed         integer
--   pending         integer
--   scanning        integer
--   mail_overdue    double precision
--   upload_overdue  double precision
-- parameters
--   $1  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $2  timestamp with time zone  2026-01-31T12:00:00.000Z
