update outbox set
  attempts = attempts + 1,
  next_attempt_at = $1::timestamptz + ($2::int[])[attempts + 1] * interval '1 second'
where id = $3::uuid and sent_at is null and failed_at is null and next_attempt_at <= $4 and attempts < $5
returning
  outbox.id, outbox.recipient, outbox.to_proved_address, outbox.template, outbox.details, outbox.created_at,
  outbox.sent_at, outbox.attempts, outbox.last_error, case when outbox.template = 'reset_password'
  then exists (
    select from users owner where owner.id = outbox.user_id
      and (exists (
        select from (
          select earlier.created_at from sessions earlier
          where earlier.user_id = outbox.user_id
            and network(set_masklen(earlier.ip, case family(earlier.ip) when 4 then 24
                else 64 end)) = network(set_masklen((outbox.details->>'ip')::inet,
                    case family((outbox.details->>'ip')::inet) when 4 then 24 else 64 end))
          order by earlier.id desc limit $6
        ) known
        where known.created_at >= coalesce(owner.familiar_since, '-infinity'::timestamptz)) or coalesce(
            network(set_masklen(owner.familiar_ip, case family(owner.familiar_ip) when 4 then 24
                else 64 end)) = network(set_masklen((outbox.details->>'ip')::inet,
                    case family((outbox.details->>'ip')::inet) when 4 then 24 else 64 end)), false)))
  else false end as is_from_familiar_network;
-- columns
--   id                        uuid
--   recipient                 text
--   to_proved_address         boolean
--   template                  text
--   details                   jsonb
--   created_at                timestamp with time zone
--   sent_at                   timestamp with time zone
--   attempts                  integer
--   last_error                text
--   is_from_familiar_network  boolean
-- parameters
--   $1  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $2  integer[]                 '{60,300,900,3600,14400,43200,43200,43200}'
--   $3  uuid                      '00000000-0000-7000-8000-000000000013'
--   $4  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $5  integer                   8
--   $6  bigint                    100
