import * as z from 'zod';
import { digits, Id } from './text.ts';

const limit = digits(z.int().min(1).max(100).default(50));

/** A page of a list in the order of its ids. */
export const PageQuery = z.strictObject({ cursor: Id.optional(), limit });

/** The same where the order is another one; `cursor` is what `next_cursor` said. */
export const pageQueryBy = (cursor: z.ZodType<string>) =>
  z.strictObject({ cursor: cursor.optional(), limit });

/** A page of an export, which programs read: longer, and as long as it may be unless told. */
export const ExportQuery = z.strictObject({
  cursor: Id.optional(),
  limit: digits(z.int().min(1).max(1000).default(1000)),
});

export const pageResponse = <Item, Wire>(
  { items, nextCursor }: { items: readonly Item[]; nextCursor: string | null },
  response: (item: Item) => Wire,
): { items: Wire[]; next_cursor: string | null } => ({ items: items.map(response), next_cursor: nextCursor });
