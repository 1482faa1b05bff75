import { type ManagedUser, withPasswordAge } from '../../accounts/rules/account.ts';
import type { PermittedContext } from '../../platform/context.ts';
import { assertDone } from '../../platform/refusals.ts';
import { type Page, type PageRequest, pageOf } from '../../platform/rules/page.ts';
import type { UserDirectory } from '../sql/user-directory.ts';

export type UserQuery = PageRequest & {
  /** The beginning of an e-mail address or a user name; null lists all. */
  readonly prefix: string | null;
};

type Deps = {
  readonly directory: Pick<UserDirectory, 'list' | 'search'>;
  readonly passwordMaxAgeDays: number | null;
};

/**
 * A page of accounts: all of them newest first, or those that begin with a prefix in the order of what matched. A
 * page of matches may be shorter than asked for while there is a next one: who matches twice is listed once.
 * @throws AppError `forbidden`, `password_change_required` and what ends a session
 */
export const createListUsers = ({ directory, passwordMaxAgeDays }: Deps) => {
  const search = async (ctx: PermittedContext, prefix: string, { cursor, limit }: PageRequest) => {
    const { refusal, matches } = await directory.search(ctx, prefix, { after: cursor, limit: limit + 1 });
    assertDone(refusal);
    const { items, nextCursor } = pageOf(matches, limit, ({ term }) => term);
    return { items: items.filter(({ repeated }) => !repeated).map(({ account }) => account), nextCursor };
  };

  const list = async (ctx: PermittedContext, { cursor, limit }: PageRequest) => {
    const { refusal, accounts } = await directory.list(ctx, { after: cursor, limit: limit + 1 });
    assertDone(refusal);
    return pageOf(accounts, limit, ({ id }) => id);
  };

  return async (ctx: PermittedContext, { prefix, ...page }: UserQuery): Promise<Page<ManagedUser>> => {
    const { items, nextCursor } = await (prefix === null ? list(ctx, page) : search(ctx, prefix, page));
    return {
      items: items.map((account) => withPasswordAge(account, passwordMaxAgeDays, ctx.now)),
      nextCursor,
    };
  };
};
