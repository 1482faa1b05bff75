import { convertIPv6ToBinary } from 'hono/utils/ipaddr';
import type { Networks } from '../rules/network.ts';

/** The client's address according to the platform. `network` is the narrowest of the networks. */
export type ClientAddress = {
  readonly ip: string | null;
  readonly network: string;
  readonly networks: Networks;
};

const ipv4 = /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}$/;

/** The eight groups of an IPv6 address (RFC 4291 section 2.2) as numbers, or null. A zone is no part of an address. */
const groupsOf = (text: string): number[] | null => {
  if (text.includes('%')) return null;
  try {
    const hex = convertIPv6ToBinary(text).toString(16).padStart(32, '0');
    return Array.from({ length: 8 }, (_, index) => Number.parseInt(hex.slice(4 * index, 4 * index + 4), 16));
  } catch {
    return null;
  }
};

const within = (ip: string | null, networks: Networks): ClientAddress => ({
  ip,
  network: networks[0],
  networks,
});

const prefix = (groups: readonly number[], bits: number): string =>
  `${groups.map((group) => group.toString(16)).join(':')}::/${bits}`;

/**
 * The client's address from `CF-Connecting-IP`, which Cloudflare sets. Clients can forge `X-Forwarded-For`, so it is never
 * read. An IPv6 client owns at least a /64, and many own a /56 or a /48 (RFC 6177).
 */
export const clientAddress = (headers: Headers): ClientAddress => {
  const ip = headers.get('CF-Connecting-IP')?.trim() ?? '';
  if (ipv4.test(ip)) return within(ip, [ip]);
  const groups = groupsOf(ip);
  if (!groups) return within(null, ['unknown']);
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0] = groups;
  // An IPv4-mapped address (RFC 4291 section 2.5.5.2) is the IPv4 client it names.
  if ((a | b | c | d | e) === 0 && f === 0xffff) {
    const mapped = [g >> 8, g & 255, h >> 8, h & 255].join('.');
    return within(mapped, [mapped]);
  }
  return within(ip, [prefix([a, b, c, d], 64), prefix([a, b, c, d & 0xff00], 56), prefix([a, b, c], 48)]);
};
