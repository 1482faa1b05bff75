select from users
where users.email = $1 and exists (
  select from users owner where owner.id = users.id
    and (exists (
      select from (
        select earlier.created_at from sessions earlier
        where earlier.user_id = users.id
          and network(set_masklen(earlier.ip, case family(earlier.ip) when 4 then 24
              else 64 end)) = network(set_masklen($2::inet, case family($3::inet) when 4 then 24 else 64 end))
        order by earlier.id desc limit $4
      ) known
      where known.created_at >= coalesce(owner.familiar_since, '-infinity'::timestamptz)) or coalesce(
          network(set_masklen(owner.familiar_ip, case family(owner.familiar_ip) when 4 then 24
              else 64 end)) = network(set_masklen($5::inet, case family($6::inet) when 4 then 24 else 64 end)),
          false)));
-- parameters
--   $1  text    'person@example.com'
--   $2  inet    '192.0.2.1'
--   $3  inet    '192.0.2.1'
--   $4  bigint  100
--   $5  inet    '192.0.2.1'
--   $6  inet    '192.0.2.1'
