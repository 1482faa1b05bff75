delete from "audit_events" where id in (
  select id from "audit_events" where id < $1::uuid order by id limit $2)
returning true;
-- columns
--   ?column?  boolean
-- parameters
--   $1  uuid    '019c13ec-9e00-7000-8000-000000000000'
--   $2  bigint  100
