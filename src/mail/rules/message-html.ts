import { type Block, type Message, oneLine } from './message.ts';

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

const escapeHtml = (text: string): string => text.replaceAll(/[&<>"']/g, (mark) => entities[mark] ?? mark);

// Styles are inline, as mail clients drop style sheets, and name no colour but the button's: everything else
// takes the reader's own, light or dark.
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
  switch (block.kind) {
    case 'paragraph':
      return `<p>${escapeHtml(block.text)}</p>`;
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

/** The HTML part: no image, no script, no style sheet, nothing that a client would fetch. */
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
