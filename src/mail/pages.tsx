import { raw } from 'hono/html';
import { Layout } from '../platform/pages/page.tsx';
import type { SentMail } from './rules/outbox.ts';

const style = `
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 44rem; margin: 2rem auto; padding: 0 1rem; }
  article { border: 1px solid color-mix(in srgb, currentColor 25%, transparent); border-radius: .5rem; padding: 0 1rem; margin: 1rem 0; }
  h2 { font-size: 1.1rem; margin: .8rem 0 0; }
  p { margin: .2rem 0; }
  pre { white-space: pre-wrap; overflow-wrap: anywhere; font: inherit; margin: .8rem 0; }
  details { margin: .8rem 0; }
  details pre { font: .8rem/1.4 ui-monospace, monospace; }
  a { color: inherit; }
`;

/** A text whose URLs are links. */
const Linked = ({ text }: { text: string }) => (
  <>
    {text
      .split(/(https?:\/\/\S+)/)
      .map((part, index) => (index % 2 === 1 ? <a href={part}>{part}</a> : part))}
  </>
);

const Mail = ({ mail }: { mail: SentMail }) => (
  <article id={mail.id}>
    <h2>{mail.subject}</h2>
    <p>
      To {mail.to}, <time datetime={mail.sentAt.toISOString()}>{mail.sentAt.toUTCString()}</time>
    </p>
    <pre>
      <Linked text={mail.text} />
    </pre>
    <details>
      <summary>HTML part</summary>
      <pre>{mail.html}</pre>
    </details>
  </article>
);

/** The captured mails. HTML parts are shown as source, so that no foreign style applies. */
export const Mailbox = ({ items, nonce }: { items: readonly SentMail[]; nonce: string }) => (
  <Layout title="Itsor mailbox" nonce={nonce}>
    <style nonce={nonce}>{raw(style)}</style>
    <main>
      <h1>Mailbox</h1>
      <p>The e-mails of this local Itsor, newest first. They were not sent: reload the page for new ones.</p>
      {items.length === 0 ? <p>No e-mails yet.</p> : items.map((mail) => <Mail mail={mail} />)}
    </main>
  </Layout>
);
