import { type SQL, sql } from 'drizzle-orm';
import type { RequestContext } from '../../platform/context.ts';
import { recognizeDevice, unknownDevice } from '../rules/device.ts';
import { newDeviceMailSeconds, secondsAfter } from '../rules/session.ts';
import { familiarSince, hasSessionFrom, isTakenBackFrom } from './session-rows.ts';

type Relations = {
  readonly userId: SQL;
  /** The account's `since` and `is_here`: from when on its sessions and devices are its owner's, and from where. */
  readonly owner: SQL;
  /** Its devices: `has_any`, `has_owners` for those of its owner, and `has_this` if that of the request is among them. */
  readonly known: SQL;
};

/**
 * Whether the account has been used by the device of this request. Many different programs are the one device that
 * nobody recognizes, so its network has to be familiar too. An account from before devices were remembered knows none:
 * there the network decides. After its owner took the account (back), the first login from there is the owner's: a mail
 * about it would silence the one about a thief who follows.
 */
const isKnown = ({ ip, userAgent }: RequestContext, { userId, owner, known }: Relations): SQL => {
  const isFamiliar = sql`(${hasSessionFrom(userId, sql`${ip}::inet`, sql`${owner}.since`)} or ${owner}.is_here)`;
  const isAmong =
    recognizeDevice(userAgent) === null
      ? sql`(${known}.has_this or not ${known}.has_any) and ${isFamiliar}`
      : sql`${known}.has_this or not ${known}.has_any and ${isFamiliar}`;
  return sql`(${isAmong} or not ${known}.has_owners and ${owner}.is_here)`;
};

/**
 * Judges the device of this request for the row of `account`, by its `user_id`: `is_new` to an account that was used
 * before, and whether a mail tells the owner. One mail in some hours is enough, unless the owner took the account back
 * since. Lock the account in a statement before this one, so that of parallel logins one is told.
 *
 * It reads the account and its devices once: a table takes more time to plan for than its few rows to read.
 */
export const judgeDevice = (ctx: RequestContext, account: SQL): SQL => {
  const userId = sql`${account}.user_id`;
  const device = recognizeDevice(ctx.userAgent) ?? unknownDevice;
  const isOwners = sql`held.last_seen_at >= owner.since`;
  const cooldownStart = sql`${secondsAfter(ctx.now, -newDeviceMailSeconds)}::timestamptz`;
  return sql`
    select judged.user_id, judged.is_new,
      judged.is_new and not coalesce(judged.told_at > greatest(${cooldownStart}, judged.since), false) as is_told
    from (
      select ${userId}, owner.since, known.told_at, (
          known.has_any or exists (select from sessions before where before.user_id = ${userId})
        ) and not ${isKnown(ctx, { userId, owner: sql`owner`, known: sql`known` })} as is_new
      from ${account} cross join lateral (
        select ${familiarSince(sql`account`)} as since, ${isTakenBackFrom(sql`account`, sql`${ctx.ip}::inet`)} as is_here
        from users account where account.id = ${userId}
      ) owner cross join lateral (
        select count(*) > 0 as has_any, coalesce(bool_or(${isOwners}), false) as has_owners,
          coalesce(bool_or(held.device = ${device}::text and ${isOwners}), false) as has_this,
          max(held.told_at) as told_at
        from known_devices held where held.user_id = ${userId}
      ) known
    ) judged`;
};

/**
 * Remembers the device of this request for the row of `device`, which `judgeDevice` has judged. A new one of which no
 * mail tells stays new: otherwise a login in the hours after a mail would go unnoticed for good.
 */
export const rememberDevice = ({ now, userAgent }: RequestContext, id: string, device: SQL): SQL => sql`
  insert into known_devices (id, user_id, device, created_at, last_seen_at, told_at)
  select ${id}::uuid, ${device}.user_id, ${recognizeDevice(userAgent) ?? unknownDevice}::text, ${now}::timestamptz,
    ${now}::timestamptz, case when ${device}.is_told then ${now}::timestamptz end
  from ${device} where ${device}.is_told or not ${device}.is_new
  on conflict (user_id, device) do update set last_seen_at = excluded.last_seen_at,
    told_at = coalesce(excluded.told_at, known_devices.told_at)`;
