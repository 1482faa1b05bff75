/** A text has no magic number: it is what nothing else is. */
export const isTextType = (contentType: string): boolean => contentType.startsWith('text/');

/** A type that is markup, and says so. */
export const isMarkupType = (contentType: string): boolean => ['text/html', 'text/xml'].includes(contentType);

/** Every control character but tab, line feed, form feed and carriage return. */
const control = /[^\P{Cc}\t\n\f\r]/u;

/** Reads a text piece by piece. @returns false from the first that cannot be part of one; call it with null at the end */
export const createTextCheck = (): ((piece: Uint8Array | null) => boolean) => {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false });
  let good = true;
  return (piece) => {
    if (!good) return false;
    try {
      good = !control.test(piece ? decoder.decode(piece, { stream: true }) : decoder.decode());
    } catch {
      good = false;
    }
    return good;
  };
};

/** What may stand in front of a document's first element; a style sheet is a program of its own. */
const prologue = /\s+|<!--.*?-->|<\?(?!xml-stylesheet\b).*?\?>/sy;
const active =
  /<!doctype\s+(?:html|svg)\b|<(?:[\w.-]+:)?(?:html|head|body|svg|script|iframe)\b|<\?xml-stylesheet\b/iy;

/**
 * Whether a text begins as a page or an image does that a browser would run. Elements alone do not: Markdown begins
 * with headings and comments in HTML often enough.
 */
export const beginsAsActiveMarkup = (head: Uint8Array): boolean => {
  const text = new TextDecoder().decode(head);
  prologue.lastIndex = 0;
  let at = 0;
  while (prologue.test(text)) at = prologue.lastIndex;
  active.lastIndex = at;
  return active.test(text);
};
