// The names are stored, and compared with later ones: a name that changes makes every such device a new one.

/** The more specific names come first, because most browsers also claim to be others. */
const browsers: readonly (readonly [RegExp, string])[] = [
  [/\bEdg(?:e|A|iOS)?\//, 'Edge'],
  [/\bOPR\//, 'Opera'],
  [/\bSamsungBrowser\//, 'Samsung Internet'],
  [/\b(?:Firefox|FxiOS)\//, 'Firefox'],
  [/\b(?:Chrome|Chromium|CriOS)\//, 'Chrome'],
  [/\bVersion\/.*\bSafari\//, 'Safari'],
  // A web view on iOS names no browser.
  [/\bAppleWebKit\/.*\bMobile\//, 'An app'],
];

const systems: readonly (readonly [RegExp, string])[] = [
  [/\bAndroid\b/, 'Android'],
  [/\biPhone\b/, 'iPhone'],
  [/\biPad\b/, 'iPad'],
  [/\bWindows\b/, 'Windows'],
  [/\bMac OS X\b/, 'Mac'],
  [/\bCrOS\b/, 'ChromeOS'],
  [/\bLinux\b/, 'Linux'],
];

/** Programs other than browsers, whose User-Agent begins with their name. */
const programs: typeof browsers = [
  [/^curl\//, 'curl'],
  [/^Wget\//, 'Wget'],
  // Apps put their own name before it.
  [/\bokhttp\//, 'okhttp'],
  [/^Dalvik\/.*\bAndroid\b/, 'An app on Android'],
  // What the network library of iOS and macOS adds to the name of an app.
  [/\bCFNetwork\/.*\bDarwin\//, 'An Apple app'],
  [/^Dart\//, 'Dart'],
  [/^python-requests\//, 'python-requests'],
  [/^Go-http-client\//, 'Go-http-client'],
  [/^PostmanRuntime\//, 'Postman'],
];

export const unknownDevice = 'an unknown device';

const find = (userAgent: string, names: typeof browsers): string | undefined =>
  names.find(([pattern]) => pattern.test(userAgent))?.[1];

/**
 * The browser family and the system of a User-Agent, or the name of a program; null for one that the lists do not know.
 * Versions make no difference, because browsers update themselves.
 */
export const recognizeDevice = (userAgent: string | null): string | null => {
  if (!userAgent) return null;
  const browser = find(userAgent, browsers);
  if (!browser) return find(userAgent, programs) ?? null;
  const system = find(userAgent, systems);
  return system ? `${browser} on ${system}` : browser;
};

/**
 * Describes a User-Agent in our own words, from closed lists. Its sender chooses the header freely, and could
 * otherwise use our mails to write to any address in our name.
 */
export const describeDevice = (userAgent: string | null): string =>
  recognizeDevice(userAgent) ?? unknownDevice;
