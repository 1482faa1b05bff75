select max(created_at)::text as last_migration from drizzle.__drizzle_migrations;
-- columns
--   last_migration  text
