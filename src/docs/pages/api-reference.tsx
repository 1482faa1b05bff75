import { raw } from 'hono/html';
import { Layout } from '../../platform/pages/page.tsx';

// The viewer's style sheet has a dark side, but waits for somebody to turn it on.
const start = `
  const dark = matchMedia('(prefers-color-scheme: dark)');
  const follow = () => document.documentElement.classList.toggle('dark-mode', dark.matches);
  dark.addEventListener('change', follow);
  follow();
  window.onload = () => SwaggerUIBundle({ url: '/openapi.json', dom_id: '#reference', deepLinking: true, validatorUrl: null });
`;

/** The API reference, by swagger-ui from our own assets: it works offline and under a policy without unsafe-inline. */
export const ApiReference = ({ nonce }: { nonce: string }) => (
  <Layout title="Itsor API" styleSheet="/docs/assets/swagger-ui.css" nonce={nonce}>
    <style nonce={nonce}>{raw('body { margin: 0; }')}</style>
    <main id="reference">
      <noscript>The reference needs JavaScript; the document itself is at /openapi.json.</noscript>
    </main>
    <script src="/docs/assets/swagger-ui-bundle.js" nonce={nonce} />
    <script nonce={nonce}>{raw(start)}</script>
  </Layout>
);
