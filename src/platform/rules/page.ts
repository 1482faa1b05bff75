/** A page of a list; `nextCursor` is null on the last one. */
export type Page<Item> = { readonly items: readonly Item[]; readonly nextCursor: string | null };

/** What a list is asked for: what comes after `cursor`, null for the first page. */
export type PageRequest = { readonly cursor: string | null; readonly limit: number };

/** A page of rows of which one more than asked for was read: it tells whether there is a next page. */
export const pageOf = <Item>(
  rows: readonly Item[],
  limit: number,
  cursorOf: (item: Item) => string,
): Page<Item> => {
  const items = rows.slice(0, limit);
  const last = items.at(-1);
  return { items, nextCursor: rows.length > limit && last !== undefined ? cursorOf(last) : null };
};
