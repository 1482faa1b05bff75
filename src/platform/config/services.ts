import type { Scope } from './resolve.ts';

const hasTwice = (texts: readonly string[]): boolean => new Set(texts).size < texts.length;

/** The services beside Itsor that access tokens may be meant for, and those that may ask about them. */
export const readServices = ({ settings, problem }: Scope) => {
  const { JWT_AUDIENCE: own, JWT_AUDIENCES: others = [], INTROSPECTION_CLIENTS: clients = [] } = settings;
  if (hasTwice([own, ...others])) {
    problem('JWT_AUDIENCES', 'must not have two entries of one audience, or that of JWT_AUDIENCE');
  }
  if (hasTwice(clients.map(({ id }) => id))) {
    problem('INTROSPECTION_CLIENTS', 'must not have two entries of one id');
  }
  for (const [index, { audience }] of clients.entries()) {
    if (audience === own || others.includes(audience)) continue;
    problem(
      'INTROSPECTION_CLIENTS',
      `entry ${index + 1} names an audience that is neither JWT_AUDIENCE nor one of JWT_AUDIENCES`,
    );
  }
  return { audiences: others, introspectionClients: clients } as const;
};
