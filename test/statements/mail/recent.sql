select
  outbox.id, outbox.recipient, outbox.to_proved_address, outbox.template, outbox.details, outbox.created_at,
  outbox.sent_at, outbox.attempts, outbox.last_error from outbox where sent_at <= $1
  and sent_at > coalesce($2::timestamptz, '-infinity') and recipient = coalesce($3::text, recipient)
order by sent_at desc, id desc limit $4;
-- columns
--   id                 uuid
--   recipient          text
--   to_proved_address  boolean
--   template           text
--   details            jsonb
--   created_at         timestamp with time zone
--   sent_at            timestamp with time zone
--   attempts           integer
--   last_error         text
-- parameters
--   $1  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $2  timestamp with time zone  2026-01-31T12:00:00.000Z
--   $3  text                      'ada@example.org'
--   $4  bigint                    20
