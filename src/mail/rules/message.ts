/** A message before it is text or HTML, so that both say the same. */
export type Message = { readonly subject: string; readonly blocks: readonly Block[] };

export type Block =
  | { readonly kind: 'paragraph'; readonly text: string }
  /** The one link of a message. */
  | { readonly kind: 'action'; readonly label: string; readonly url: string }
  | { readonly kind: 'code'; readonly code: string }
  /** The only place for what others have written: addresses and the like, as label and value. */
  | { readonly kind: 'facts'; readonly rows: readonly Fact[] };

export type Fact = readonly [label: string, value: string];

export type RenderedMessage = { readonly subject: string; readonly text: string; readonly html: string };

/** On one line and in reading order: control and direction characters could make a value look like our words. */
export const oneLine = (value: string): string =>
  value.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ').trim();
