import type { Frame, Request } from 'playwright-core';
import { type PageRequest, password } from './accounts.ts';
import { api } from './visitors.ts';

/** Something that a foreign page wants done, in every encoding that would do it. */
export type Intent = {
  readonly url: string;
  readonly form: Readonly<Record<string, string>>;
  /** null where the request needs no body. */
  readonly json: string | null;
};

/** The forms of the pages; what a form needs to take effect is there where an attacker can know it. */
const pageForms = (attackerEmail: string, newcomerEmail: string): Record<string, Intent['form']> => ({
  '/account/login': { identifier: attackerEmail, password },
  '/account/signup': { email: newcomerEmail, password },
  '/account/logout': { scope: 'global' },
  '/account/sessions/end': { id: crypto.randomUUID() },
  '/account/password': { current_password: password, new_password: `another ${password}` },
  '/account/email': { email: newcomerEmail, password },
  '/account/code': { email: attackerEmail, code: '000000' },
  '/forgot-password': { email: attackerEmail },
  '/reset-password': { token: 'x', password },
  '/verify-email': { token: 'x' },
  '/verify-email/code': { email: attackerEmail, code: '000000' },
  '/verify-email/resend': { email: attackerEmail },
  '/restore-email': { token: 'x' },
});

/** The same as on the JSON routes, by the forms that the account page has for it. */
export const pageIntentsOf = (attackerEmail: string, newcomerEmail: string): Record<string, Intent> =>
  Object.fromEntries(
    Object.entries(pageForms(attackerEmail, newcomerEmail)).map(([path, form]) => [
      path,
      { url: api + path, form, json: JSON.stringify(form) },
    ]),
  );

/** Login CSRF, an unwanted account, a forced logout, a forced rotation. */
export const intentsOf = (attackerEmail: string, newcomerEmail: string) =>
  ({
    login: {
      url: `${api}/auth/token`,
      form: { grant_type: 'password', username: attackerEmail, password },
      json: JSON.stringify({ username: attackerEmail, password }),
    },
    signup: {
      url: `${api}/auth/signup`,
      form: { email: newcomerEmail, password },
      json: JSON.stringify({ email: newcomerEmail, password }),
    },
    logout: { url: `${api}/auth/logout?scope=global`, form: {}, json: null },
    refresh: { url: `${api}/auth/refresh`, form: {}, json: null },
  }) satisfies Record<string, Intent>;

/** One way in which a page can send a request; settled when the API has answered. */
export type Carrier = (frame: Frame, intent: Intent) => Promise<void>;

/** The answer may be one that no script sees, or no page (204). */
const answered = (frame: Frame, url: string) => {
  const isIt = (request: Request) => request.url() === url;
  return Promise.race([
    frame.page().waitForEvent('requestfinished', isIt),
    frame.page().waitForEvent('requestfailed', isIt),
  ]);
};

export const submitForm = async (
  frame: Frame,
  url: string,
  enctype: string,
  fields: [string, string][],
): Promise<void> => {
  const answer = answered(frame, url);
  await frame.evaluate(
    ([action, enctype, fields]) => {
      const form = document.createElement('form');
      Object.assign(form, { action, enctype, method: 'POST', target: '_top' });
      for (const [name, value] of fields) {
        form.append(Object.assign(document.createElement('input'), { type: 'hidden', name, value }));
      }
      document.documentElement.append(form);
      form.submit();
    },
    [url, enctype, fields] as const,
  );
  await answer;
};

const post = (frame: Frame, url: string, init: PageRequest) =>
  frame.evaluate(
    async ([url, init]) => {
      await fetch(url, { method: 'POST', credentials: 'include', ...init }).catch(() => undefined);
    },
    [url, init] as const,
  );

const urlencoded = 'application/x-www-form-urlencoded';
const encode = (form: Intent['form']): PageRequest => ({
  headers: { 'Content-Type': urlencoded },
  body: new URLSearchParams(form).toString(),
});

/** Those whose encoding some route takes, where they come from a page that may send them. */
export const taken: Readonly<Record<string, Carrier>> = {
  'a form': (frame, { url, form }) => submitForm(frame, url, urlencoded, Object.entries(form)),
  'a fetch of a form': (frame, { url, form }) => post(frame, url, encode(form)),
  'a no-cors fetch of a form': (frame, { url, form }) =>
    post(frame, url, { mode: 'no-cors', ...encode(form) }),
  'a fetch of JSON, which the browser asks leave for': (frame, { url, json }) =>
    post(frame, url, { headers: { 'Content-Type': 'application/json' }, body: json ?? '{}' }),
};

export const carriers: Readonly<Record<string, Carrier>> = {
  ...taken,
  // `name=value` reads as JSON where the `=` falls inside a string.
  'a text/plain form that holds JSON': (frame, { url, json }) => {
    const [name = '', value = ''] = (json ?? '').split('=');
    return submitForm(frame, url, 'text/plain', [[name, value]]);
  },
  'a multipart form': (frame, { url, form }) =>
    submitForm(frame, url, 'multipart/form-data', Object.entries(form)),
  'a no-cors fetch of JSON as text/plain': (frame, { url, json }) =>
    post(frame, url, { mode: 'no-cors', body: json ?? '' }),
  'a no-cors fetch of JSON without a media type': (frame, { url, json }) =>
    frame.evaluate(
      async ([url, json]) => {
        const body = json === null ? null : new Blob([json]);
        const init = { method: 'POST', mode: 'no-cors', credentials: 'include', body } as const;
        await fetch(url, init).catch(() => undefined);
      },
      [url, json] as const,
    ),
  'a beacon': async (frame, { url, json }) => {
    const answer = answered(frame, url);
    await frame.evaluate(([url, json]) => navigator.sendBeacon(url, json), [url, json ?? ''] as const);
    await answer;
  },
};
