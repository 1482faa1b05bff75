import { raw } from 'hono/html';
import type { PropsWithChildren } from 'hono/jsx';

type LayoutProps = PropsWithChildren<{ title: string; styleSheet?: string; nonce: string }>;

/** The frame of every page. Nothing in it comes from another origin. */
export const Layout = ({ title, styleSheet, nonce, children }: LayoutProps) => (
  <>
    {raw('<!doctype html>')}
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>{title}</title>
        <link rel="icon" href="data:," />
        {styleSheet && <link rel="stylesheet" href={styleSheet} nonce={nonce} />}
      </head>
      <body>{children}</body>
    </html>
  </>
);
