export type FeatureFlag = {
  readonly description: string;
  /** The team that decides about the flag and is asked when it has expired. */
  readonly owner: string;
  /** The last day (RFC 3339 full-date) on which the flag may still be in the code. */
  readonly expires: string;
};

/** Every feature flag, by its name in `GET /flags`. That route is public: a flag must not give away a secret plan. */
export const featureFlags = {
  experimental_caching: {
    description: 'A frontend may cache what it has read',
    owner: 'platform',
    expires: '2027-05-31',
  },
  new_dashboard_widgets: {
    description: 'A frontend shows the new widgets of its dashboard',
    owner: 'frontend',
    expires: '2027-05-31',
  },
} as const satisfies Record<string, FeatureFlag>;

export type FlagName = keyof typeof featureFlags;
export type Flags = Readonly<Record<FlagName, boolean>>;

export const flagNames = Object.keys(featureFlags) as readonly FlagName[];

/** The flags whose last day is over. */
export const expiredFlags = (now: Date): FlagName[] =>
  flagNames.filter((name) => featureFlags[name].expires < now.toISOString().slice(0, 10));
