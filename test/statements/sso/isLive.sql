select from sessions session join users account on account.id = session.user_id
where session.id = $1::uuid and not (
    session.revoked_at is not null or session.expires_at <= $2::timestamptz
    or (session.created_at < coalesce((select not_before from session_cutoff), '-infinity'::timestamptz)))
  and account.disabled_at is null;
-- parameters
--   $1  uuid                      '00000000-0000-7000-8000-000000000011'
--   $2  timestamp with time zone  2026-01-31T12:00:00.000Z
