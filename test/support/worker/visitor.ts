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

/** Someone with a browser and no script: keeps cookies by their paths, opens pages and sends forms. */
export const createVisitor = (client: Client) => {
  const jar = new Map<string, { value: string; path: string }>();

  const cookiesFor = (path: string) =>
    Object.fromEntries(
      [...jar].filter(([, cookie]) => path.startsWith(cookie.path)).map(([name, { value }]) => [name, value]),
    );

  const visit = async (
    method: string,
    path: string,
    init: Omit<Parameters<Client>[2] & object, 'cookies'> = {},
  ): Promise<Visit> => {
    const response = await client(method, path, { ...init, cookies: cookiesFor(path) });
    for (const [name, { value, attributes }] of cookiesOf(response)) {
      const cookiePath = attributes.find((each) => each.startsWith('Path='))?.slice(5) ?? '/';
      if (attributes.includes('Max-Age=0')) jar.delete(name);
      else jar.set(name, { value, path: cookiePath });
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
