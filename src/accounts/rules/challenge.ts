const missing = {
  pointer: '/turnstile_token',
  code: 'required',
  detail: 'this member is required',
};

/** What `turnstile_failed` says where a token is needed and there is none. */
export const tokenMissing = {
  detail: 'Show the widget of Turnstile, and send its token as turnstile_token.',
  errors: [missing],
};

/** The reason to tell beside others where a token is needed and there is none. */
export const tokenReasons = (isNeeded: boolean, token: unknown) => (isNeeded && !token ? [missing] : []);
