select (select max(created_at)::text as last_migration from drizzle.__drizzle_migrations) as last_migration,
(select count(*)::int from uploads where given_up_at > $1) as dead_letters;
-- columns
--   last_migration  text
--   dead_letters    integer
-- parameters
--   $1  timestamp with time zone  2026-01-30T12:00:00.000Z
