import { isIP } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { clientAddress } from '../../src/platform/http/client-address.ts';

const addressOf = (value: string) => clientAddress(new Headers({ 'CF-Connecting-IP': value }));
const networkOf = (value: string) => addressOf(value).network;
const unknown = { ip: null, network: 'unknown', networks: ['unknown'] };

describe('the client address', () => {
  it('of an IPv4 client is its own network', () => {
    const own = { ip: '203.0.113.7', network: '203.0.113.7', networks: ['203.0.113.7'] };
    expect(addressOf('203.0.113.7')).toEqual(own);
    expect(addressOf(' 203.0.113.7 ')).toEqual(own);
  });

  it.each([
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:0DB8:0001:0002::', '2001:db8:1:2::/64'],
    ['2001:db8:1:2::198.51.100.9', '2001:db8:1:2::/64'],
    ['2001:db8:1:3::', '2001:db8:1:3::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['1:2:3:4:5:6:7::', '1:2:3:4::/64'],
    ['::1', '0:0:0:0::/64'],
    ['::', '0:0:0:0::/64'],
  ])('of an IPv6 client belongs to its /64: %s', (ip, network) => {
    expect(addressOf(ip)).toMatchObject({ ip, network });
  });

  it('of an IPv6 client is in a /64, a /56 and a /48, each around the one before', () => {
    const networks = ['2001:db8:1:1fe::/64', '2001:db8:1:100::/56', '2001:db8:1::/48'];
    expect(addressOf('2001:db8:1:1fe::7').networks).toEqual(networks);
    expect(addressOf('2001:db8:1:1ff::7').networks.slice(1)).toEqual(networks.slice(1));
    expect(addressOf('2001:db8:1:200::7').networks.slice(1)).toEqual(['2001:db8:1:200::/56', networks[2]]);
  });

  it.each(['::ffff:192.0.2.7', '::FFFF:c000:207', '0:0:0:0:0:ffff:c000:0207', '0000::ffff:c000:207'])(
    'of an IPv4 client that is mapped into IPv6 is the IPv4 address: %s',
    (ip) => expect(addressOf(ip)).toEqual({ ip: '192.0.2.7', network: '192.0.2.7', networks: ['192.0.2.7'] }),
  );

  it.each(['::192.0.2.7', '::fffe:c000:207', '1::ffff:c000:207', '64:ff9b::c000:207'])(
    'of a similar IPv6 address is not mapped: %s',
    (ip) => expect(networkOf(ip)).toMatch(/::\/64$/),
  );

  it.each([
    ...[
      '',
      'unknown',
      'localhost',
      '203.0.113',
      '203.0.113.7.1',
      '203.0.113.256',
      '203.0.113.07',
      '203.0.113.7:80',
    ],
    ...['0x7f.0.0.1', '2130706433', '203.0.113.7, 198.51.100.1', '203.0.113.7 198.51.100.1', '[2001:db8::1]'],
    ...[
      '2001:db8::1%eth0',
      '2001:db8::1/64',
      '2001::db8::1',
      ':2001:db8::1',
      '2001:db8:1',
      '1:2:3:4:5:6:7:8:9',
    ],
    ...[
      '1:2:3:4:5:6:7:8::',
      '2001:db8::12345',
      '2001:db8::g',
      '::ffff:203.0.113.256',
      '::ffff:203.0.113',
      ':',
      ':::',
    ],
    // Proves ASVS 15.3.4.
  ])('is nobody’s where it is not one address: "%s"', (value) => expect(addressOf(value)).toEqual(unknown));

  // Proves ASVS 4.1.3.
  it('is unknown without CF-Connecting-IP, whatever headers a client sends', () => {
    const own = [
      'X-Forwarded-For',
      'X-Real-IP',
      'Forwarded',
      'True-Client-IP',
      'CF-Connecting-IPv6',
      'X-Client-IP',
    ];
    expect(clientAddress(new Headers(own.map((name) => [name, '203.0.113.7'])))).toEqual(unknown);
  });

  it('is unknown with two CF-Connecting-IP headers, in any order', () => {
    const twice = ['203.0.113.7', '198.51.100.1'].map(
      (value) => ['CF-Connecting-IP', value] as [string, string],
    );
    expect(clientAddress(new Headers(twice))).toEqual(unknown);
    expect(clientAddress(new Headers(twice.reverse()))).toEqual(unknown);
  });
});

describe('for any text at all', () => {
  const written = fc.oneof(
    fc.ipV4(),
    fc.ipV4Extended(),
    fc.ipV6(),
    fc.string({ unit: fc.constantFrom(...'0123456789abcdefF:.'), maxLength: 45 }),
    fc.string({ unit: fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code)) }),
  );

  // The platform's parser also takes a zone, which is no part of an address.
  it('an address is accepted exactly if the platform’s own parser accepts it', () => {
    fc.assert(
      fc.property(written, (text) => {
        expect(addressOf(text).ip !== null).toBe(isIP(text.trim()) !== 0 && !text.includes('%'));
      }),
      { numRuns: 5_000 },
    );
  });

  it('spellings of one IPv6 address are one network', () => {
    const groups = fc.array(fc.integer({ min: 0, max: 0xffff }), { minLength: 8, maxLength: 8 });
    fc.assert(
      fc.property(groups, (numbers) => {
        const long = numbers.map((number) => number.toString(16).toUpperCase().padStart(4, '0')).join(':');
        const canonical = new URL(`http://[${long}]`).hostname.slice(1, -1);
        expect(networkOf(long)).toBe(networkOf(canonical));
      }),
    );
  });
});
