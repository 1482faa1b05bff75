import { describe, expect, it } from 'vitest';
import { newEmail, password } from '../support/worker/client.ts';
import { expectProblem } from '../support/worker/problem.ts';
import { asForm, asJson, bytes, client, logIn, refresh, understood } from '../support/worker/raw-bodies.ts';

describe('the characters of a body', () => {
  it('may begin with a byte order mark', async () => {
    await expectProblem(await refresh(`\ufeff${understood}`), 401, 'refresh_token_invalid');
    await expectProblem(await refresh(`\ufeff\ufeff${understood}`), 400, 'malformed_json');
  });

  it.each<[string, number[]]>([
    ['a lone continuation byte', [0x80]],
    ['an overlong slash', [0xc0, 0xaf]],
    ['an overlong NUL', [0xc0, 0x80]],
    ['an encoded surrogate', [0xed, 0xa0, 0x80]],
    ['a code point beyond Unicode', [0xf4, 0x90, 0x80, 0x80]],
    ['a sequence that is cut short', [0xf0, 0x9f, 0x98]],
    ['a byte that UTF-8 does not have', [0xff]],
  ])('are UTF-8: not %s', async (_, wrong) => {
    const body = Uint8Array.from([...bytes('{"identifier":"a'), ...wrong, ...bytes('","password":"x"}')]);
    await expectProblem(await logIn(body), 400, 'malformed_json');
    const percent = wrong.map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('');
    const form = `grant_type=password&username=a${percent}&password=x`;
    await expectProblem(await logIn(form, asForm), 400, 'malformed_json');
  });

  it('are UTF-8: not UTF-16 under either byte order mark', async () => {
    const units = Uint16Array.from(`\ufeff${understood}`, (unit) => unit.charCodeAt(0));
    const littleEndian = new Uint8Array(units.buffer);
    const bigEndian = littleEndian.map((_, index) => littleEndian[index ^ 1] ?? 0);
    await expectProblem(await refresh(littleEndian), 400, 'malformed_json');
    await expectProblem(await refresh(bigEndian), 400, 'malformed_json');
  });

  it.each([
    ['a NUL', '\\u0000'],
    ['the first half of a surrogate pair', '\\ud800'],
    ['the second half of one', '\\udc00'],
    ['the halves in the wrong order', '\\udc00\\ud800'],
  ])('are refused where they hold %s and are kept or compared', async (_, escaped) => {
    const text = `a${escaped}b`;
    const bodies: [string, string, string][] = [
      ['/auth/signup', 'email', `{"email":"${text}@example.com","password":"${password}"}`],
      ['/auth/signup', 'password', `{"email":"${newEmail()}","password":"${password}${escaped}"}`],
      ['/auth/signup', 'username', `{"email":"${newEmail()}","password":"${password}","username":"${text}"}`],
      ['/auth/token', 'identifier', `{"identifier":"${text}","password":"x"}`],
      ['/auth/token', 'password', `{"identifier":"a","password":"${text}"}`],
      ['/auth/token', 'scope', `{"identifier":"a","password":"x","scope":"${text}"}`],
      ['/auth/refresh', 'refresh_token', `{"refresh_token":"${text}"}`],
    ];
    for (const [path, member, body] of bodies) {
      const response = await client('POST', path, { body, headers: asJson });
      expect(response.status, `${path} ${member}`).toBe(422);
      const { errors } = await response.json<{ errors: { pointer: string }[] }>();
      expect(errors.map(({ pointer }) => pointer)).toContain(`/${member}`);
    }
    const raw = JSON.parse(`"${text}"`) as string;
    if (raw.isWellFormed()) {
      const form = { grant_type: 'password', username: raw, password: 'x' };
      expect((await client('POST', '/auth/token', { form })).status).toBe(400);
      expect((await client('POST', '/auth/revoke', { form: { token: raw } })).status).toBe(400);
    }
  });

  it('are refused with a NUL outside of strings, too', async () => {
    await expectProblem(await refresh(`${understood}\0`), 400, 'malformed_json');
  });
});
