import { raw } from 'hono/html';
import type { Child } from 'hono/jsx';
import type { Failure } from './failure.ts';
import { ErrorSummary } from './form.tsx';
import { Layout } from './layout.tsx';
import { pageStyle } from './page-style.ts';
import type { Site } from './site.ts';

export type PageContent = {
  /** The heading, and first in the title of the window: it says the state. */
  readonly heading: string;
  readonly content: Child;
  /** What a form before this page has brought about. */
  readonly notice?: string | undefined;
  readonly failure?: Failure | undefined;
  /** Stands beside the site's name. */
  readonly aside?: Child;
};

/** The frame of the pages for people: whose they are, what has just happened, and what can be done. */
export const Page = ({
  site,
  home,
  nonce,
  heading,
  content,
  notice,
  failure,
  aside,
}: PageContent & { site: Site; home: string; nonce: string }) => (
  <Layout title={`${failure ? 'Error: ' : ''}${heading} – ${site.name}`} nonce={nonce}>
    <style nonce={nonce}>{raw(pageStyle)}</style>
    <header>
      <a href={home}>{site.name}</a>
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
    </main>
  </Layout>
);
