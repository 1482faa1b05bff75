export type FeatureFlag = {
  readonly description: string;
  /** Who decides about it, and is asked when it has expired. */
  readonly owner: string;
  /** A date (RFC 3339 full-date) by which it is to be gone, on for good or removed. */
  readonly expires: string;
};

/**
 * Every feature flag, by its name in `GET /flags`; the variable is `FLAG_` and the name in capitals. All are public:
 * what nobody may know of does not belong into a flag.
 */
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

/** The flags that should be gone by now. */
export const expiredFlags = (now: Date): FlagName[] =>
  flagNames.filter((name) => featureFlags[name].expires < now.toISOString().slice(0, 10));
