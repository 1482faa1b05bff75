import { type SQL, sql } from 'drizzle-orm';
import type { RequestContext } from '../../platform/context.ts';
import { recognizeDevice, unknownDevice } from '../rules/device.ts';
import { newDeviceMailSeconds, secondsAfter } from '../rules/session.ts';
import { familiarSince, isFamiliarNetwork, isTakenBackFrom } from './session-rows.ts';

const ofAccount = (userId: SQL): SQL => sql`select from known_devices known where known.user_id = ${userId}`;

/**
 * Whether the account has been used by the device of this request. Many different programs are the one device that
 * nobody recognizes, so its network has to be familiar too. An account from before devices were remembered knows none:
 * there the network decides. After its owner took the account (back), the first login from there is the owner's: a mail
 * about it would silence the one about a thief who follows.
 */
const isKnown = ({ ip, userAgent }: RequestContext, userId: SQL): SQL => {
  const device = recognizeDevice(userAgent);
  const isOwners = sql`known.last_seen_at >= ${familiarSince(userId)}`;
  const isFamiliar = isFamiliarNetwork(userId, sql`${ip}::inet`);
  return sql`(
    exists (${ofAccount(userId)} and known.device = ${device ?? unknownDevice}::text
      and ${isOwners}) ${device === null ? sql`and ${isFamiliar}` : sql``}
    or not exists (${ofAccount(userId)}) and ${isFamiliar}
    or not exists (${ofAccount(userId)} and ${isOwners}) and ${isTakenBackFrom(userId, sql`${ip}::inet`)})`;
};

/**
 * Judges the device of this request for the row of `account`, by its `user_id`: `is_new` to an account that was used
 * before, and whether a mail tells the owner. One mail in some hours is enough, unless the owner took the account back
 * since. Lock the account in a statement before this one, so that of parallel logins one is told.
 */
export const judgeDevice = (ctx: RequestContext, account: SQL): SQL => {
  const userId = sql`${account}.user_id`;
  const last = sql`greatest(
    ${secondsAfter(ctx.now, -newDeviceMailSeconds)}::timestamptz, ${familiarSince(sql`judged.user_id`)})`;
  return sql`
    select judged.user_id, judged.is_new,
      judged.is_new and not exists (${ofAccount(sql`judged.user_id`)} and known.told_at > ${last}) as is_told
    from (
      select ${userId}, (
          exists (select from sessions before where before.user_id = ${userId}) or exists (${ofAccount(userId)})
        ) and not ${isKnown(ctx, userId)} as is_new
      from ${account}
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
