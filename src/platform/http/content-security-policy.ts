import type { Context } from 'hono';
import { widgetScript } from '../pages/page.tsx';

/** The policy of answers that are no pages: a browser that shows one may load and run nothing. */
export const noContentPolicy = [
  "default-src 'none'",
  // Neither of these falls back to default-src.
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const { origin: widgetOrigin } = new URL(widgetScript);

const pagePolicy = (nonce: string, hasWidget: boolean): string =>
  [
    "default-src 'none'",
    `script-src 'nonce-${nonce}'${hasWidget ? ` ${widgetOrigin}` : ''}`,
    ...(hasWidget ? [`frame-src ${widgetOrigin}`] : []),
    `style-src 'nonce-${nonce}'`,
    "img-src 'self' data:",
    "connect-src 'self'",
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ].join('; ');

/** The policy of a page that shows e-mails as their readers see them: they style inline, and nothing runs. */
export const mailPagePolicy = [
  "default-src 'none'",
  "style-src 'unsafe-inline'",
  'img-src data:',
  "form-action 'none'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ');

/**
 * Sets the policy of a page.
 * @param hasWidget whether the page shows the widget of Turnstile
 * @returns the nonce that its scripts and styles must carry
 */
export const usePagePolicy = (c: Context, hasWidget = false): string => {
  const nonce = crypto.getRandomValues(new Uint8Array(16)).toBase64();
  c.header('Content-Security-Policy', pagePolicy(nonce, hasWidget));
  return nonce;
};
