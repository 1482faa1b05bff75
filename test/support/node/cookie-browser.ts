type Cookie = { readonly name: string; readonly value: string; readonly path: string; readonly host: string };

export type Shown = { readonly url: string; readonly status: number; readonly html: string };

const maxRedirects = 20;

/**
 * As much of a browser as a login needs: cookies by host, port left out as browsers do, and path; redirects; forms.
 * It does not follow a redirect to a URL that matches `stopsAt`.
 */
export const createCookieBrowser = ({ stopsAt }: { readonly stopsAt?: RegExp } = {}) => {
  const jar = new Map<string, Cookie>();

  const keep = (url: URL, line: string) => {
    const [pair = '', ...attributes] = line.split(/; */);
    const at = pair.indexOf('=');
    const read = (name: string) =>
      attributes.find((attribute) => attribute.toLowerCase().startsWith(`${name}=`))?.slice(name.length + 1);
    const path = read('path') ?? '/';
    const cookie = { name: pair.slice(0, at), value: pair.slice(at + 1), path, host: url.hostname };
    const key = [cookie.host, cookie.path, cookie.name].join(' ');
    const expires = read('expires');
    if (read('max-age') === '0' || (expires && Date.parse(expires) < Date.now())) jar.delete(key);
    else jar.set(key, cookie);
  };

  const cookiesFor = (url: URL): string =>
    [...jar.values()]
      .filter(({ host, path }) => host === url.hostname && url.pathname.startsWith(path))
      .map(({ name, value }) => `${name}=${value}`)
      .join('; ');

  const open = async (target: string, form?: Record<string, string>): Promise<Shown> => {
    let url = new URL(target);
    let body = form && new URLSearchParams(form);
    for (let redirects = 0; redirects < maxRedirects; redirects++) {
      const response = await fetch(url, {
        method: body ? 'POST' : 'GET',
        headers: { Accept: 'text/html', Cookie: cookiesFor(url) },
        body: body ?? null,
        redirect: 'manual',
      });
      for (const line of response.headers.getSetCookie()) keep(url, line);
      const location = response.headers.get('Location');
      if (location === null) return { url: url.href, status: response.status, html: await response.text() };
      url = new URL(location, url);
      if (stopsAt?.test(url.href)) return { url: url.href, status: response.status, html: '' };
      body = undefined;
    }
    throw new Error('too many redirects');
  };

  return {
    open,
    /** Sends the first form of a page, with its hidden fields. */
    submit: ({ url, html }: Shown, fields: Record<string, string> = {}): Promise<Shown> => {
      const [form = '', action = ''] = /<form[^>]*\saction="([^"]+)".*?<\/form>/s.exec(html) ?? [];
      if (form === '') throw new Error(`no form at ${url}:\n${html}`);
      const hidden = [...form.matchAll(/<input type="hidden" name="([^"]+)" value="([^"]*)"/g)].map(
        ([, name = '', value = '']) => [name, value],
      );
      return open(new URL(action, url).href, { ...Object.fromEntries(hidden), ...fields });
    },
    cookieNames: () => [...jar.values()].map(({ name }) => name),
  };
};

export type CookieBrowser = ReturnType<typeof createCookieBrowser>;
