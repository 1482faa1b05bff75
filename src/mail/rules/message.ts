/** The source of the text part and the HTML part, so that both say the same. */
export type Message = { readonly subject: string; readonly blocks: readonly Block[] };

/** A string is a paragraph. */
export type Block =
  | string
  /** The only link of a message. */
  | { readonly kind: 'action'; readonly label: string; readonly url: string }
  | { readonly kind: 'code'; readonly code: string }
  /** The only place for texts that others have written, such as addresses: labels and values. */
  | { readonly kind: 'facts'; readonly rows: readonly Fact[] };

export type Fact = readonly [label: string, value: string];

export type RenderedMessage = { readonly subject: string; readonly text: string; readonly html: string };

/** A value on one line: control and direction characters could make it look like a text of ours. */
const oneLine = (value: string): string => value.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ').trim();

const blockText = (block: Block): string => {
  if (typeof block === 'string') return block;
  switch (block.kind) {
    case 'action':
      return `${block.label}:\n${block.url}`;
    case 'code':
      return `    ${block.code}`;
    case 'facts':
      return block.rows.map(([label, value]) => `${label}: ${oneLine(value)}`).join('\n');
  }
};

/** The plain part. The transport wraps long lines. */
export const renderText = ({ blocks }: Message): string => `${blocks.map(blockText).join('\n\n')}\n`;

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

const escapeHtml = (text: string): string => text.replaceAll(/[&<>"']/g, (mark) => entities[mark] ?? mark);

// Styles are inline, because mail clients drop style sheets. Only the button has a colour; everything else keeps the
// colours of the reader, light or dark.
const styles = {
  body: 'margin:0;padding:24px;font-family:system-ui,sans-serif;font-size:16px;line-height:1.5',
  column: 'max-width:560px;margin:0 auto',
  button:
    'display:inline-block;padding:12px 20px;border-radius:6px;background:#1d4ed8;color:#ffffff;text-decoration:none',
  url: 'color:inherit;word-break:break-all',
  code: 'font-family:ui-monospace,monospace;font-size:28px;font-weight:bold;letter-spacing:4px',
  label: 'padding:0 16px 0 0;text-align:left;vertical-align:top;font-weight:normal',
} as const;

const blockHtml = (block: Block): string => {
  if (typeof block === 'string') return `<p>${escapeHtml(block)}</p>`;
  switch (block.kind) {
    case 'action': {
      const url = escapeHtml(block.url);
      return (
        `<p><a href="${url}" style="${styles.button}">${escapeHtml(block.label)}</a></p>\n` +
        `<p>Or copy this link: <a href="${url}" style="${styles.url}">${url}</a></p>`
      );
    }
    case 'code':
      return `<p style="${styles.code}">${escapeHtml(block.code)}</p>`;
    case 'facts': {
      const rows = block.rows.map(
        ([label, value]) =>
          `<tr><th scope="row" style="${styles.label}">${escapeHtml(label)}</th><td>${escapeHtml(oneLine(value))}</td></tr>`,
      );
      return `<table>\n${rows.join('\n')}\n</table>`;
    }
  }
};

/** The HTML part, without images, scripts, style sheets or anything else that a client would fetch. */
export const renderHtml = ({ subject, blocks }: Message): string => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="supported-color-schemes" content="light dark">
<title>${escapeHtml(subject)}</title>
</head>
<body style="${styles.body}">
<div style="${styles.column}">
${blocks.map(blockHtml).join('\n')}
</div>
</body>
</html>
`;
