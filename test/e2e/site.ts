import { once } from 'node:events';
import { createServer } from 'node:http';

export type Site = { readonly close: () => Promise<void> };

const page = '<!doctype html><meta charset="utf-8"><title>A site</title>';

/**
 * A web site of blank pages, under every host name that leads to this machine. `/no-referrer` makes its
 * forms send `Origin: null`; `/redirect?to=` sends a request on with its method and body.
 */
export const serveSite = async (port: number): Promise<Site> => {
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://site');
    if (pathname === '/redirect') {
      response.writeHead(307, { Location: searchParams.get('to') ?? '/' }).end();
      return;
    }
    const policy = pathname === '/no-referrer' ? { 'Referrer-Policy': 'no-referrer' } : {};
    response.writeHead(200, { 'Content-Type': 'text/html; charset=utf-8', ...policy }).end(page);
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return {
    close: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
};
