import { raw } from 'hono/html';
import type { PropsWithChildren } from 'hono/jsx';
import { Fragment } from 'hono/jsx/jsx-runtime';

let current = '';

/** Renders its content under a base path, at once: no component waits. Hono's own context would add 7 KiB to the bundle. */
export const UnderBasePath = ({ basePath, children }: PropsWithChildren<{ basePath: string }>) => {
  current = basePath;
  try {
    return raw(Fragment({ children }).toString());
  } finally {
    current = '';
  }
};

/** An address of a page: a path of ours gets the base path, and any other address stays as it is. */
export const addressOf = (address: string): string =>
  address.startsWith('/') ? `${current}${address}` : address;

/** The one kind of link. */
export const Link = ({
  href,
  class: name,
  children,
}: PropsWithChildren<{ href: string; class?: string }>) => (
  <a class={name} href={addressOf(href)}>
    {children}
  </a>
);
