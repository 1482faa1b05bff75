/** What a program of the stack tells the launcher over its message channel, in this order. */
export type ServiceMessage =
  | { readonly kind: 'listening'; readonly port: number }
  | { readonly kind: 'ready' }
  | { readonly kind: 'failed'; readonly reason: string };

/** Without a launcher, or when it is gone, there is no channel and nobody to tell. */
export const tellLauncher = (message: ServiceMessage): void => {
  if (process.connected) process.send?.(message);
};
