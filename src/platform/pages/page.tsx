import { raw } from 'hono/html';
import type { Child, PropsWithChildren } from 'hono/jsx';
import type { Failure } from './failure.ts';
import { ErrorSummary } from './form.tsx';
import { Link, UnderBasePath } from './link.tsx';
import { pageStyle } from './page-style.ts';
import type { Site } from './site.ts';

type LayoutProps = PropsWithChildren<{
  title: string;
  basePath: string;
  styleSheet?: string;
  nonce?: string;
}>;

/** The HTML document of every page. Nothing in it comes from another origin. */
export const Layout = ({ title, basePath, styleSheet, nonce, children }: LayoutProps) => (
  <>
    {raw('<!doctype html>')}
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>{title}</title>
        <link rel="icon" href="data:," />
        {styleSheet && <link rel="stylesheet" href={`${basePath}${styleSheet}`} nonce={nonce} />}
      </head>
      <body>
        <UnderBasePath basePath={basePath}>{children}</UnderBasePath>
      </body>
    </html>
  </>
);

/** The script of Turnstile, which opens a frame of its own origin. */
export const widgetScript = 'https://challenges.cloudflare.com/turnstile/v0/api.js';

export type PageContent = {
  /** The heading, which also begins the title of the window. */
  readonly heading: string;
  readonly content: Child;
  /** The result of the form before this page. */
  readonly notice?: string | undefined;
  readonly failure?: Failure | undefined;
  /** Content beside the site's name. */
  readonly aside?: Child;
  /** Whether the content has the widget of Turnstile. */
  readonly hasWidget?: boolean;
};

/** The frame of a page: the site's name, the result of the last form, and the content. */
export const Page = ({
  site,
  home,
  nonce,
  heading,
  content,
  notice,
  failure,
  aside,
  hasWidget = false,
}: PageContent & { site: Site; home: string; nonce: string }) => (
  <Layout
    title={`${failure ? 'Error: ' : ''}${heading} – ${site.name}`}
    basePath={site.basePath}
    nonce={nonce}
  >
    <style nonce={nonce}>{raw(pageStyle)}</style>
    <header>
      <Link href={home}>{site.name}</Link>
      {aside}
    </header>
    <main>
      <h1>{heading}</h1>
      {notice && (
        <p class="notice" role="status">
          {notice}
        </p>
      )}
      {failure && <ErrorSummary failure={failure} />}
      {content}
      {hasWidget && <script src={widgetScript} async defer nonce={nonce} />}
    </main>
  </Layout>
);

/** A link for browsers that do not follow the Refresh header. */
export const GoOnContent = ({ address }: { address: string }) => (
  <section>
    <p>
      <Link href={address}>Continue</Link>
    </p>
  </section>
);

type ErrorContentProps = { sentence: string; reasons: readonly string[]; requestId: string };

/** The content of a page for a failure that no form can correct. */
export const ErrorContent = ({ sentence, reasons, requestId }: ErrorContentProps) => (
  <section>
    <p>{sentence}</p>
    {reasons.length > 0 && (
      <ul>
        {reasons.map((reason) => (
          <li>{reason}</li>
        ))}
      </ul>
    )}
    <p>
      <Link href="/account">Go to your account</Link>, or{' '}
      <Link href="/forgot-password">set a new password</Link>
    </p>
    <p class="soft">If you write to us about this, please quote {requestId}.</p>
  </section>
);

const instantFormat = new Intl.DateTimeFormat('en-GB', {
  dateStyle: 'medium',
  timeStyle: 'short',
  timeZone: 'UTC',
});

export const instantText = (at: Date): string => instantFormat.format(at);

export const Instant = ({ at }: { at: Date }) => (
  <time datetime={at.toISOString()}>{instantText(at)} UTC</time>
);
