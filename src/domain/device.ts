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

/** A program's name, in a form that can be neither a link nor a sentence; every browser says Mozilla. */
const product = /^(?!Mozilla\/)([A-Za-z][A-Za-z0-9_-]{0,30})\/\d/;

const find = (userAgent: string, names: typeof browsers): string | undefined =>
  names.find(([pattern]) => pattern.test(userAgent))?.[1];

/**
 * What a User-Agent says, in words of ours. The header is whatever its sender likes, and who knows a password
 * could otherwise write to the owner in our name.
 */
export const describeDevice = (userAgent: string | null): string => {
  if (!userAgent) return 'unknown';
  const browser = find(userAgent, browsers);
  if (!browser) return product.exec(userAgent)?.[1] ?? 'unknown';
  const system = find(userAgent, systems);
  return system ? `${browser} on ${system}` : browser;
};
