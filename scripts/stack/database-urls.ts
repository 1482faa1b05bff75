/**
 * The roles of a database on this machine. They get no password: the embedded database asks for none, and
 * on a real server the endpoint and the migrations become them by SET ROLE.
 */
export const localRoles = {
  migrator: { user: 'itsor_migrator', password: null },
  app: { user: 'itsor_app', password: null },
} as const;

/** The same login, which from the start acts as another role that it is a member of. */
export const actingAs = (url: string, role: string): string => {
  const acting = new URL(url);
  acting.searchParams.set('options', `-c role=${role}`);
  return acting.href;
};

export const isLoopback = (hostname: string): boolean =>
  hostname === 'localhost' || hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(hostname);

/**
 * TLS with a certificate that is checked, unless the machine is this one or the string says `disable`. Every other
 * mode means the same to `pg`, which only warns that it will not for ever.
 */
export const encrypted = (url: string): string => {
  const server = new URL(url);
  if (isLoopback(server.hostname) || server.searchParams.get('sslmode') === 'disable') return url;
  server.searchParams.set('sslmode', 'verify-full');
  return server.href;
};

/** Host and database of a connection string, which may hold a password. */
export const placeOf = (url: string): string => {
  const { host, pathname } = new URL(url);
  return `${host}${decodeURIComponent(pathname)}`;
};
