import { createContext, type PropsWithChildren, useContext } from 'hono/jsx';

/** The base path of the service, which the layout of a page sets. */
export const BasePath = createContext('');

/** An address of a page: a path of ours gets the base path, and any other address stays as it is. */
export const useAddress = (address: string): string => {
  const basePath = useContext(BasePath);
  return address.startsWith('/') ? `${basePath}${address}` : address;
};

/** The one kind of link. */
export const Link = ({
  href,
  class: name,
  children,
}: PropsWithChildren<{ href: string; class?: string }>) => (
  <a class={name} href={useAddress(href)}>
    {children}
  </a>
);
