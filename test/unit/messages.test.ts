import { describe, expect, it } from 'vitest';
import { createLinks, renderMessage } from '../../src/mail/rules/messages.ts';
import type { MailContent, MailTemplate } from '../../src/mail/rules/outbox.ts';
import { describeDevice } from '../../src/sessions/rules/device.ts';

const appUrl = 'https://app.example.com';
const links = createLinks(appUrl);
const happenedAt = new Date('2026-11-20T10:00:00.000Z');
const chromeOnWindows =
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36';
const origin = { ip: '2001:db8::7', user_agent: chromeOnWindows };
const token = { token_id: '01a2b3c4-0000-7000-8000-000000000001' };

const contents: { [T in MailTemplate]: [Extract<MailContent, { template: T }>['details'], string] } = {
  verify_email: [token, links.verifyEmail('t0ken')],
  account_exists: [{}, links.account()],
  codes_locked: [origin, links.account()],
  reset_password: [token, links.resetPassword('t0ken')],
  password_changed: [origin, links.account()],
  identity_linked: [{ ...origin, provider: 'Acme' }, links.account()],
  verify_new_email: [token, links.verifyEmail('t0ken')],
  email_change_requested: [{ ...origin, new_email: 'ada@new.example' }, links.account()],
  email_changed: [{ ...token, new_email: 'ada@new.example' }, links.restoreEmail('t0ken')],
  email_restored: [{}, links.account()],
  address_reserved: [{ kept_until: '2026-11-27T09:00:00+00:00' }, links.account()],
  new_sign_in: [origin, links.account()],
  invitation: [token, links.resetPassword('t0ken')],
  account_deleted: [{}, links.account()],
};
const templates = Object.keys(contents) as MailTemplate[];

const render = (
  template: MailTemplate,
  details: object = contents[template][0],
  code: string | null = '012345',
) => renderMessage({ template, details } as MailContent, { happenedAt, link: contents[template][1], code });

/** The visible text of an HTML part. */
const visible = (html: string): string =>
  html
    .replace(/<head>.*<\/head>/s, '')
    .replaceAll(/<[^>]+>/g, ' ')
    .replaceAll('&#39;', "'")
    .replaceAll('&quot;', '"')
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&amp;', '&');

describe.each(templates)('the message %s', (template) => {
  const { subject, text, html } = render(template);

  it('names the site and what to do if it was not you, in both parts', () => {
    expect(subject).toContain('app.example.com');
    for (const part of [text, visible(html)]) {
      expect(part).toContain('app.example.com');
      expect(part).toMatch(/If (?:it was not you|it was neither you|you do not know)/);
    }
  });

  it('has a subject that a person can trust', () => {
    expect(subject).toMatch(/^[A-Z][a-z]/);
    expect(subject.length).toBeLessThan(78);
    expect(subject).not.toMatch(/[!?]|[A-Z]{2}/);
    expect(subject).not.toMatch(/urgent|immediately|suspended|alert|action required/i);
  });

  it('has one link and no other', () => {
    const [, link] = contents[template];
    const urls = (part: string) => [...part.matchAll(/[a-z]+:\/\/[^\s"<]+/gi)].map(([url]) => url);
    expect(urls(text)).toEqual([link]);
    expect(new Set(urls(html))).toEqual(new Set([link]));
  });

  it('fetches nothing: no image, script, style sheet, frame or form', () => {
    expect(html).not.toMatch(/<(?:img|script|link|style|iframe|form|object|video)\b|url\(|@import|\bsrc=/i);
  });

  it('leaves all colours except the button to the reader, light or dark', () => {
    expect(html).toContain('<meta name="color-scheme" content="light dark">');
    const colours = [...html.matchAll(/(?:background|color):[^;"]+/g)].map(([colour]) => colour);
    expect(new Set(colours)).toEqual(new Set(['background:#1d4ed8', 'color:#ffffff', 'color:inherit']));
  });

  it('has the same words in HTML and in text', () => {
    const words = (part: string) => part.replaceAll(/(?::\s|\s)+/g, ' ').trim();
    for (const line of text.split('\n')) expect(words(visible(html))).toContain(words(`${line} `));
  });
});

describe('the text of a message', () => {
  it('for a verification names 24 hours for the link and 10 minutes for the code', () => {
    const { text, html } = render('verify_email');
    expect(text).toContain('https://app.example.com/verify-email?token=t0ken');
    expect(text).toContain('24 hours, until 21 November 2026 at 10:00 UTC');
    expect(text).toContain('10 minutes, until 20 November 2026 at 10:10 UTC');
    expect(text).toMatch(/^ +012345$/m);
    expect(html).toContain('>012345<');
  });

  it('for a verification leaves out an expired code, and says so', () => {
    const { text, html } = render('verify_email', token, null);
    expect(text + html).not.toMatch(/this code|The code/);
    for (const part of [text, visible(html)]) expect(part).toContain('its code no longer works');
    expect(render('verify_email').text).not.toContain('no longer works');
    expect(text).toContain('/verify-email?token=t0ken');
  });

  it('for a reset names 30 minutes and every device', () => {
    const { text } = render('reset_password');
    expect(text).toContain('https://app.example.com/reset-password?token=t0ken');
    expect(text).toContain('30 minutes, until 20 November 2026 at 10:30 UTC');
    expect(text).toContain('every device is logged out');
  });

  it('for a requested change of address names the new address and what to do, and holds no token', () => {
    const { text } = render('email_change_requested');
    expect(text).toContain('New address: ada@new.example');
    expect(text).toContain('change your password');
    expect(text).not.toContain('token');
  });

  it('for a change of address names the new address, and 7 days for the undo link', () => {
    const { text } = render('email_changed');
    expect(text).toContain('New address: ada@new.example');
    expect(text).toContain('https://app.example.com/restore-email?token=t0ken');
    expect(text).toContain('7 days, until 27 November 2026 at 10:00 UTC');
  });

  it('for a change of an unproved address has no undo link', () => {
    const { text } = renderMessage(
      { template: 'email_changed', details: { new_email: 'ada@new.example' } },
      { happenedAt, link: links.account(), code: null },
    );
    expect(text).toContain('New address: ada@new.example');
    expect(text).not.toMatch(/token|[Uu]ndo/);
  });

  it('for a reserved address names the time until which it is reserved', () => {
    expect(render('address_reserved').text).toContain('until 27 November 2026 at 09:00 UTC');
  });

  it('for a sign-up names the browser to open it in only if the browser keeps the password', () => {
    const asked = { ...token, ...origin };
    const advice = 'Open it in the browser in which you signed up';
    expect(render('verify_email', { ...asked, completes_sign_up: true }).text).toContain(advice);
    expect(render('verify_email', { ...asked, completes_sign_up: false }).text).not.toContain(advice);
    expect(render('verify_email', asked).text).not.toContain(advice);
  });

  it('for a new address names the deletion of an unproved account with it', () => {
    expect(render('verify_new_email').text).toContain(
      'that nobody has confirmed, your confirmation deletes it',
    );
  });

  it('for a deletion tells a former address that the change can no longer be undone', () => {
    expect(render('account_deleted', { is_former: true }).text).toContain('can no longer be undone');
    expect(render('account_deleted').text).not.toContain('change of address');
  });

  it.each(['password_changed', 'new_sign_in', 'email_change_requested'] as const)(
    '%s: when, which device, from where',
    (template) => {
      const { text } = render(template);
      expect(text).toContain('When: 20 November 2026 at 10:00 UTC');
      expect(text).toContain('Device: Chrome on Windows');
      expect(text).toContain('IP address: 2001:db8::7');
      expect(render(template, { ...contents[template][0], ip: null, user_agent: null }).text).toContain(
        'IP address: unknown',
      );
    },
  );
});

describe('a text of others in a message', () => {
  const hostile = `<script>alert(1)</script>" onload='x' &amp; https://evil.example/`;

  it('never comes from a user agent', () => {
    for (const template of ['password_changed', 'new_sign_in'] as const) {
      for (const user_agent of [hostile, `Chrome/1 ${hostile}`, `${hostile} Windows NT`, 'evil.example/1']) {
        const { text, html } = render(template, { ip: null, user_agent });
        expect(text + html).not.toMatch(/evil|script|alert/);
      }
    }
  });

  it.each(templates)(
    'is nowhere in %s, because a user agent is one of a closed list of words',
    (template) => {
      const details = contents[template][0];
      if (!('user_agent' in details)) return;
      const hostileAgent = 'YourAccountIsLocked-Call1800555/1';
      expect(render(template, { ...details, user_agent: hostileAgent })).toEqual(
        render(template, { ...details, user_agent: null }),
      );
    },
  );

  it('is escaped in HTML, and on one line in text', () => {
    const { text, html } = render('email_changed', {
      ...token,
      new_email: `${hostile}\r\nDear customer,\u2028\u202Efdp.exe`,
    });
    expect(html).toContain('&lt;script&gt;alert(1)&lt;/script&gt;&quot; onload=&#39;x&#39; &amp;amp; ');
    expect(html).not.toContain('<script');
    const line = text.split('\n').find((each) => each.startsWith('New address: '));
    expect(line).toContain('Dear customer, fdp.exe');
    expect(text + html).not.toMatch(/[\r\u2028\u202E]/);
  });
});

describe('a device', () => {
  it.each([
    [chromeOnWindows, 'Chrome on Windows'],
    [`${chromeOnWindows} Edg/142.0.0.0`, 'Edge on Windows'],
    [`${chromeOnWindows} OPR/120.0`, 'Opera on Windows'],
    ['Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0', 'Firefox on Linux'],
    [
      'Mozilla/5.0 (iPhone; CPU iPhone OS 19_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/19.1 Mobile/15E148 Safari/604.1',
      'Safari on iPhone',
    ],
    [
      'Mozilla/5.0 (iPhone; CPU iPhone OS 19_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/142.0 Mobile/15E148 Safari/604.1',
      'Chrome on iPhone',
    ],
    [
      'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/19.0 Safari/605.1.15',
      'Safari on Mac',
    ],
    [
      'Mozilla/5.0 (Linux; Android 16; SM-S938B) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/29.0 Chrome/136.0.0.0 Mobile Safari/537.36',
      'Samsung Internet on Android',
    ],
    [
      'Mozilla/5.0 (iPhone; CPU iPhone OS 19_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148',
      'An app on iPhone',
    ],
    ['Notes/42 CFNetwork/1568.200.51 Darwin/24.1.0', 'An Apple app'],
    ['Dalvik/2.1.0 (Linux; U; Android 16; Pixel 9)', 'An app on Android'],
    ['Dart/3.5 (dart:io)', 'Dart'],
    ['curl/8.5.0', 'curl'],
    ['okhttp/4.12.0', 'okhttp'],
    ['Mozilla/5.0 (compatible)', 'an unknown device'],
    ['CallUsAt-18005550100/1.0', 'an unknown device'],
    ['evil curl/8.5.0', 'an unknown device'],
    ['', 'an unknown device'],
    [null, 'an unknown device'],
  ])('%s is %s', (userAgent, device) => expect(describeDevice(userAgent)).toBe(device));
});

describe('a verification mail', () => {
  it('names the device of the sign-up, so that nobody confirms the sign-up of a stranger', () => {
    const { text, html } = render('verify_email', { ...token, ...origin });
    for (const part of [text, visible(html)]) {
      expect(part).toContain(describeDevice(chromeOnWindows));
      expect(part).toContain('2001:db8::7');
    }
  });

  it('names no device where an administrator has created the account', () => {
    expect(render('verify_email', token).text).not.toContain('Device');
  });
});
