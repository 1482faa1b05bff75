import { raw } from 'hono/html';
import { errorCatalogue } from '../platform/errors.ts';
import { Link } from '../platform/pages/link.tsx';
import { Layout } from '../platform/pages/page.tsx';
import { pageStyle } from '../platform/pages/page-style.ts';

const errorStyle = `
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
  table { border-collapse: collapse; width: 100%; }
  tr { border-bottom: 1px solid color-mix(in srgb, currentColor 20%, transparent); scroll-margin-top: 1rem; }
  th, td { text-align: left; vertical-align: baseline; padding: .4rem; }
  tr:target { background: color-mix(in srgb, orange 25%, transparent); }
  @media (max-width: 40rem) {
    tr { display: grid; grid-template-columns: 4rem 1fr; }
    th:last-child, td:last-child { grid-column: 2; }
  }
`;

type DocumentProps = { readonly basePath: string; readonly nonce: string };

/** The page that the `type` of a problem leads to: every code of the catalogue. */
export const ErrorReference = ({ basePath, nonce }: DocumentProps) => (
  <Layout title="Itsor errors" basePath={basePath} nonce={nonce}>
    <style nonce={nonce}>{raw(errorStyle)}</style>
    <main>
      <h1>Errors</h1>
      <p>Every failure is an application/problem+json (RFC 9457); its code is one of these.</p>
      <table>
        <thead>
          <tr>
            <th scope="col">Status</th>
            <th scope="col">Code</th>
            <th scope="col">Meaning</th>
          </tr>
        </thead>
        <tbody>
          {Object.entries(errorCatalogue).map(([code, { status, title, detail }]) => (
            <tr id={code}>
              <td>{status}</td>
              <td>
                <code>{code}</code>
              </td>
              <td>
                {title}. {detail}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </main>
  </Layout>
);

// The viewer's style sheet has a dark mode that a class turns on.
const viewerScript = (basePath: string) => `
  const dark = matchMedia('(prefers-color-scheme: dark)');
  const follow = () => document.documentElement.classList.toggle('dark-mode', dark.matches);
  dark.addEventListener('change', follow);
  follow();
  window.onload = () =>
    SwaggerUIBundle({ url: '${basePath}/openapi.json', dom_id: '#reference', deepLinking: true, validatorUrl: null });
`;

/** The API reference by swagger-ui, from our own assets: it works offline and under a policy without unsafe-inline. */
export const ApiReference = ({ basePath, nonce }: DocumentProps) => (
  <Layout title="Itsor API" basePath={basePath} styleSheet="/docs/assets/swagger-ui.css" nonce={nonce}>
    <style nonce={nonce}>{raw('body { margin: 0; }')}</style>
    <main id="reference">
      <noscript>The reference needs JavaScript; the document itself is at {basePath}/openapi.json.</noscript>
    </main>
    <script src={`${basePath}/docs/assets/swagger-ui-bundle.js`} nonce={nonce} />
    <script nonce={nonce}>{raw(viewerScript(basePath))}</script>
  </Layout>
);

type HomeProps = DocumentProps & {
  readonly links: readonly (readonly [path: string, label: string])[];
};

/** The start page of a local service, with the links that `npm run dev` prints. */
export const Home = ({ basePath, nonce, links }: HomeProps) => (
  <Layout title="Itsor" basePath={basePath} nonce={nonce}>
    <style nonce={nonce}>{raw(pageStyle)}</style>
    <main>
      <h1>Itsor runs on this machine</h1>
      <section>
        <ul>
          {links.map(([path, label]) => (
            <li>
              <Link href={path}>{label}</Link>
            </li>
          ))}
        </ul>
      </section>
    </main>
  </Layout>
);
