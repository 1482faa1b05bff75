update uploads set attempts = 0
where id = $1::uuid and status = 'pending' and attempts = $2;
-- parameters
--   $1  uuid     '00000000-0000-7000-8000-000000000014'
--   $2  integer  1
