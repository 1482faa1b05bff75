import { randomUUID } from 'node:crypto';
import type { Page } from 'playwright-core';
import { api, directApi } from './visitors.ts';

// The `=` lets a form of text/plain carry it inside JSON.
export const password = 'correct horse battery staple=';

export const newEmail = (): string => `visitor-${randomUUID()}@example.com`;

export type Account = { readonly email: string; readonly accessToken: string };

const post = (path: string, json: unknown) =>
  fetch(directApi + path, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(json),
  });

/** An account, made without the browser; its own session is a witness that no page can reach. */
export const newAccount = async (): Promise<Account> => {
  const email = newEmail();
  const response = await post('/auth/signup', { email, password });
  if (response.status !== 201) throw new Error(`sign-up: ${response.status} ${await response.text()}`);
  const { access_token: accessToken } = (await response.json()) as { access_token: string };
  return { email, accessToken };
};

/** The same account with another session, made without the browser too. */
export const logInAgain = async ({ email }: Account): Promise<Account> => {
  const response = await post('/auth/token', { email, password });
  if (response.status !== 200) throw new Error(`login: ${response.status} ${await response.text()}`);
  const { access_token: accessToken } = (await response.json()) as { access_token: string };
  return { email, accessToken };
};

/** The sessions of an account as the database has them: each login adds one, each refresh changes one. */
export const sessionsOf = async ({ accessToken }: Account): Promise<readonly { id: string }[]> => {
  const response = await fetch(`${directApi}/auth/sessions`, {
    headers: { Authorization: `Bearer ${accessToken}` },
  });
  if (response.status !== 200) throw new Error(`sessions: ${response.status} ${await response.text()}`);
  const { items } = (await response.json()) as { items: { id: string }[] };
  return items;
};

/** Whether somebody has an account with this address; it asks by signing up. */
export const isTaken = async (email: string): Promise<boolean> =>
  (await post('/auth/signup', { email, password })).status === 409;

/** The members of RequestInit that can be handed to a page. */
export type PageRequest = {
  readonly method?: string;
  readonly mode?: RequestMode;
  readonly credentials?: RequestCredentials;
  readonly headers?: Record<string, string>;
  readonly body?: string;
};

export type Seen = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Record<string, unknown>;
};

/** What a page's own script gets of a request with credentials; it throws as the script's fetch does. */
export const fetchIn = (page: Page, path: string, init: PageRequest = {}): Promise<Seen> =>
  page.evaluate(
    async ([url, init]) => {
      const response = await fetch(url, { credentials: 'include', ...init });
      return {
        status: response.status,
        headers: Object.fromEntries(response.headers),
        body: await response.json().catch(() => ({})),
      };
    },
    [new URL(path, api).href, init] as const,
  );

export const postJsonIn = (page: Page, path: string, json: unknown): Promise<Seen> =>
  fetchIn(page, path, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(json),
  });

/** Logs a visitor of the frontend in, by the frontend's own script. */
export const logIn = async (page: Page, { email }: Pick<Account, 'email'>): Promise<void> => {
  const { status } = await postJsonIn(page, '/auth/token', { email, password });
  if (status !== 200) throw new Error(`login: ${status}`);
};

/** Whom the frontend, open in this page, takes its visitor for; null when nobody is logged in. */
export const visitorOf = async (page: Page): Promise<unknown> => {
  const { status, body } = await fetchIn(page, '/auth/me');
  return status === 200 ? body.email : null;
};
