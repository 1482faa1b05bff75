select 'mail' as kind, id, template as what, last_error as reason, attempts, failed_at as given_up_at
from outbox where failed_at is not null and last_error is distinct from $1
union all
select 'upload', id, status, reason, attempts, given_up_at from uploads
where given_up_at is not null
order by given_up_at desc, id limit $2;
-- columns
--   kind         text
--   id           uuid
--   what         text
--   reason       text
--   attempts     integer
--   given_up_at  timestamp with time zone
-- parameters
--   $1  text    'held_back'
--   $2  bigint  20
