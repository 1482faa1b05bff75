/** In this order: most browsers claim to be others too, the more particular names come first. */
const browsers: readonly (readonly [RegExp, string])[] = [
  [/\bEdg(?:e|A|iOS)?\//, 'Edge'],
  [/\bOPR\//, 'Opera'],
  [/\bSamsungBrowser\//, 'Samsung Internet'],
  [/\b(?:Firefox|FxiOS)\//, 'Firefox'],
  [/\b(?:Chrome|Chromium|CriOS)\//, 'Chrome'],
  [/\bVersion\/.*\bSafari\//, 'Safari'],
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

/** Programs that are no browser and say so first. */
const programs: typeof browsers = [
  [/^curl\//, 'curl'],
  [/^Wget\//, 'Wget'],
  [/^okhttp\//, 'okhttp'],
  [/^python-requests\//, 'python-requests'],
  [/^Go-http-client\//, 'Go-http-client'],
  [/^PostmanRuntime\//, 'Postman'],
];

export const unknownDevice = 'an unknown device';

const find = (userAgent: string, names: typeof browsers): string | undefined =>
  names.find(([pattern]) => pattern.test(userAgent))?.[1];

/**
 * What a User-Agent says, in words of ours and from closed lists: the header is whatever its sender likes, and would
 * otherwise be a way to write to any address in our name.
 */
export const describeDevice = (userAgent: string | null): string => {
  if (!userAgent) return unknownDevice;
  const browser = find(userAgent, browsers);
  if (!browser) return find(userAgent, programs) ?? unknownDevice;
  const system = find(userAgent, systems);
  return system ? `${browser} on ${system}` : browser;
};
