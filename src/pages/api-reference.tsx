import { raw } from 'hono/html';
import { Layout } from './layout.tsx';

const start = `window.onload = () => SwaggerUIBundle({ url: '/openapi.json', dom_id: '#reference', deepLinking: true, validatorUrl: null });`;

/** The API reference, by swagger-ui from our own assets: it works offline and under a policy without unsafe-inline. */
export const ApiReference = ({ nonce }: { nonce: string }) => (
  <Layout title="Itsor API" styleSheet="/docs/assets/swagger-ui.css" nonce={nonce}>
    <main id="reference">
      <noscript>The reference needs JavaScript; the document itself is at /openapi.json.</noscript>
    </main>
    <script src="/docs/assets/swagger-ui-bundle.js" nonce={nonce} />
    <script nonce={nonce}>{raw(start)}</script>
  </Layout>
);
