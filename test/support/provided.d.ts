/** What the global set-up tells the tests. */
declare module 'vitest' {
  interface ProvidedContext {
    neonEndpoint: string;
    databaseUrl: string;
    databaseKind: 'embedded' | 'postgres';
  }
}

export {};
