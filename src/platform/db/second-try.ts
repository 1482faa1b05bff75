/** A word that writes, locks or calls. Some reads have one too, in a name: they are not tried again, which is safe. */
const writingWord =
  /\b(?:insert|update|delete|merge|truncate|into|call|do|lock|nextval|setval|set_config|pg_notify)\b|\bpg_advisory/i;

/** Whether a statement only reads. Values are parameters, so the text is ours alone. */
export const isRead = (text: string): boolean =>
  /^\s*(?:select|with)\b/i.test(text) && !writingWord.test(text);

/** How long the second try waits: a proxy in front of a database that restarts needs a moment to notice it. */
export const secondTryPauseMs = 50;

// Class 08: the connection; 57P01 to 57P03: the database shuts down, has crashed, or starts.
const brokenOff = /^(?:08|57P0[123])/;

/**
 * Whether a statement got no answer, so that another try may get one: it could not be sent, its connection broke, or the
 * proxy or the database was on its way down or up. An answer that PostgreSQL gave to the statement itself is final, and
 * so is a 4xx of the proxy.
 */
export const isUnanswered = (error: unknown): boolean => {
  const { code, message } = error as { readonly code?: unknown; readonly message?: unknown };
  if (typeof code === 'string') return brokenOff.test(code);
  return !/^Server error \(HTTP status 4\d\d\)/.test(String(message));
};
