import { raw } from 'hono/html';
import { Link } from '../platform/pages/link.tsx';
import { Layout } from '../platform/pages/page.tsx';
import type { SentMail } from './rules/outbox.ts';

const style = `
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 44rem; margin: 2rem auto; padding: 0 1rem; }
  article { border: 1px solid color-mix(in srgb, currentColor 25%, transparent); border-radius: .5rem; padding: 0 1rem; margin: 1rem 0; }
  h2 { font-size: 1.1rem; margin: .8rem 0 0; }
  p { margin: .2rem 0; }
  pre { white-space: pre-wrap; overflow-wrap: anywhere; font: inherit; margin: .8rem 0; }
  iframe { width: 100%; height: 26rem; resize: vertical; border: 0; background: #fff; margin: .8rem 0 0; }
  details { margin: .8rem 0; }
  details pre { font: .8rem/1.4 ui-monospace, monospace; }
  a { color: inherit; }
`;

/** A text whose URLs are links. */
const Linked = ({ text }: { text: string }) => (
  <>
    {text
      .split(/(https?:\/\/\S+)/)
      .map((part, index) => (index % 2 === 1 ? <Link href={part}>{part}</Link> : part))}
  </>
);

const pathOf = (query: Readonly<Record<string, string | null>>): string => {
  const given = Object.entries(query).filter((pair): pair is [string, string] => pair[1] !== null);
  return `/dev/mailbox${given.length > 0 ? `?${new URLSearchParams(given)}` : ''}`;
};

type Which = { readonly to: string | null; readonly after: string | null };

const Mail = ({ mail, after }: { mail: SentMail; after: string | null }) => (
  <article id={mail.id}>
    <h2>{mail.subject}</h2>
    <p>
      To <Link href={pathOf({ to: mail.to, after })}>{mail.to}</Link>,{' '}
      <time datetime={mail.sentAt.toISOString()}>{mail.sentAt.toUTCString()}</time>
    </p>
    <iframe
      title={mail.subject}
      sandbox="allow-popups allow-popups-to-escape-sandbox"
      srcdoc={`<base target="_blank">${mail.html}`}
    />
    <details>
      <summary>Text part</summary>
      <pre>
        <Linked text={mail.text} />
      </pre>
    </details>
  </article>
);

type MailboxProps = Which & {
  readonly basePath: string;
  readonly items: readonly SentMail[];
  readonly now: Date;
};

/** The captured mails. Each HTML part is shown in a frame in which nothing runs. */
export const Mailbox = ({ basePath, items, to, after, now }: MailboxProps) => (
  <Layout title="Itsor mailbox" basePath={basePath}>
    <style>{raw(style)}</style>
    <main>
      <h1>Mailbox</h1>
      <p>
        The e-mails of this local Itsor, newest first. They were not sent. The page reloads every ten seconds.
      </p>
      <p>
        {to !== null && (
          <>
            Only those to {to}: <Link href={pathOf({ after })}>show all addresses</Link>.{' '}
          </>
        )}
        {after === null ? (
          <Link href={pathOf({ to, after: now.toISOString() })}>Clear the page</Link>
        ) : (
          <>
            Only those since {new Date(after).toUTCString()}:{' '}
            <Link href={pathOf({ to })}>show the earlier ones too</Link>.
          </>
        )}
      </p>
      {items.length === 0 ? <p>No e-mails yet.</p> : items.map((mail) => <Mail mail={mail} after={after} />)}
    </main>
  </Layout>
);
