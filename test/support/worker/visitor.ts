import { pagePaths } from '../../../src/routes.ts';
import { type Client, cookiesOf } from './client.ts';

const origin = 'http://localhost:3002';

/** Whether people read what a path answers. */
export const isForPeople = (path: string) =>
  path === '/' ||
  pagePaths
    .map((pattern) => pattern.replace('/*', ''))
    .some((start) => path === start || path.startsWith(`${start}/`));

/** What a browser sends along with a form of our own page. */
const ownForm = { Origin: origin, 'Sec-Fetch-Site': 'same-origin' };

export type Visit = {
  status: number;
  headers: Headers;
  html: string;
  title: string;
  location: string | null;
};

const titleOf = (html: string): string => /<title>(.*?)<\/title>/.exec(html)?.[1] ?? '';

const maxRedirects = 20;

type Options = {
  /** Whether the browser keeps what a response sets. */
  readonly keeps?: () => boolean;
};

/**
 * Someone with a browser and no script: keeps cookies by their paths and for as long as they live, opens pages and sends
 * forms, and sends a request again where a 307 tells it to.
 */
export const createVisitor = (client: Client, { keeps = () => true }: Options = {}) => {
  const jar = new Map<string, { value: string; path: string; expiresMs: number }>();

  const cookiesFor = (path: string) =>
    Object.fromEntries(
      [...jar]
        .filter(([, cookie]) => path.startsWith(cookie.path) && cookie.expiresMs > Date.now())
        .map(([name, { value }]) => [name, value]),
    );

  const visit = async (
    method: string,
    path: string,
    init: Omit<Parameters<Client>[2] & object, 'cookies'> = {},
    redirects = 0,
  ): Promise<Visit> => {
    const response = await client(method, path, { ...init, cookies: cookiesFor(path) });
    for (const [name, { value, attributes }] of keeps() ? cookiesOf(response) : []) {
      const read = (attribute: string) =>
        attributes.find((each) => each.startsWith(`${attribute}=`))?.slice(attribute.length + 1);
      const maxAge = Number(read('Max-Age'));
      if (maxAge === 0) jar.delete(name);
      else jar.set(name, { value, path: read('Path') ?? '/', expiresMs: Date.now() + maxAge * 1000 });
    }
    const next = response.headers.get('Location');
    if (response.status === 307 && next !== null) {
      if (redirects === maxRedirects) throw new Error(`too many redirects, the last one to ${next}`);
      return visit(method, next, init, redirects + 1);
    }
    const html = await response.text();
    const { status, headers } = response;
    return { status, headers, html, title: titleOf(html), location: headers.get('Location') };
  };

  const open = (path: string) => visit('GET', path);

  return {
    jar,
    open,
    head: (path: string) => visit('HEAD', path),
    send: (path: string, form: Record<string, string>, headers: Record<string, string> = ownForm) =>
      visit('POST', path, { form, headers }),
    /** Sends a form that succeeds, and opens the page that it leads to. */
    submit: async (path: string, form: Record<string, string>): Promise<Visit> => {
      const { status, location, html } = await visit('POST', path, { form, headers: ownForm });
      if (status !== 303 || location === null) throw new Error(`${path} answered ${status}: ${html}`);
      return open(location);
    },
  };
};

export type Visitor = ReturnType<typeof createVisitor>;
