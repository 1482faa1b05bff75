import type { Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { newEmail } from './accounts.ts';
import { api, hasBrowser, useBrowser } from './visitors.ts';

const visit = useBrowser();

const first = 'seventeen purple kettles sing';
const second = 'a lighthouse keeper knits at noon';

const formTo = (page: Page, action: string) => page.locator(`form[action="${action}"]`);
const pressIn = (page: Page, action: string) => formTo(page, action).getByRole('button').click();

const logIn = async (page: Page, email: string, password: string) => {
  await page.goto(`${api}/account`);
  const form = formTo(page, '/account/login');
  await form.getByLabel('E-mail address or user name').fill(email);
  await form.getByLabel('Password').fill(password);
  await form.getByRole('button').click();
};

/** Follows the link of the newest message of a kind to an address, out of the local mailbox's page. */
const followMail = async (page: Page, email: string, subject: RegExp) => {
  const mail = page
    .getByRole('article')
    .filter({ hasText: `To ${email}` })
    .filter({ hasText: subject })
    .first();
  await expect
    .poll(async () => {
      await page.goto(`${api}/dev/mailbox`);
      return mail.count();
    })
    .toBe(1);
  const link = new URL(
    (await mail.frameLocator('iframe').getByRole('link').first().getAttribute('href')) ?? '',
  );
  // The same page under the host name that this browser knows it by: cookies belong to a host.
  await page.goto(api + link.pathname + link.search);
};

describe.skipIf(!hasBrowser).each([
  ['with scripts', true],
  ['without scripts', false],
])('a person with only a browser, %s', (_, javaScriptEnabled) => {
  it('signs up, verifies the address, logs out, and gets back in by a new password that ends other sessions', async () => {
    const email = newEmail();
    const page = await visit(`${api}/account`, { javaScriptEnabled });
    const signup = formTo(page, '/account/signup');
    await signup.getByLabel('E-mail address').fill(email);
    await signup.getByLabel('Password').fill(first);
    await signup.getByRole('button').click();
    expect(await page.getByRole('heading', { level: 1 }).innerText()).toBe('Your account');
    expect(await page.getByText('not confirmed yet').isVisible()).toBe(true);

    await followMail(page, email, /Confirm your e-mail address/);
    await pressIn(page, '/verify-email');
    expect(await page.getByRole('status').innerText()).toBe('Your e-mail address is confirmed.');
    expect(await page.getByText('not confirmed yet').count()).toBe(0);

    const elsewhere = await visit(`${api}/account`, { javaScriptEnabled });
    await logIn(elsewhere, email, first);
    expect(await elsewhere.title()).toMatch(/^Your account/);

    await pressIn(page, '/account/logout');
    expect(await page.getByRole('status').innerText()).toBe('You are logged out.');

    await page.getByRole('link', { name: 'Forgot your password?' }).click();
    await page.getByLabel('E-mail address').fill(email);
    await page.getByRole('button', { name: 'Send the link' }).click();
    await followMail(page, email, /Choose a new password/);
    await page.getByLabel('New password').fill(second);
    await page.getByRole('button', { name: 'Set the new password' }).click();
    expect(await page.getByRole('status').innerText()).toContain('Your new password is set');

    await elsewhere.reload();
    expect(await elsewhere.getByRole('alert').innerText()).toBe(
      'Your session has ended. Please log in again.',
    );
    await logIn(page, email, first);
    expect(await page.getByRole('alert').innerText()).toBe('The account or the password is wrong.');
    await logIn(page, email, second);
    expect(await page.title()).toMatch(/^Your account/);
  });
});

describe.skipIf(!hasBrowser)('the account page', () => {
  it('puts the focus on what went wrong, and leads from there to the field by keys alone', async () => {
    const page = await visit(`${api}/account`);
    const email = formTo(page, '/account/signup').getByLabel('E-mail address');
    await email.fill(newEmail());
    await email.press('Tab');
    await page.keyboard.type('short');
    await page.keyboard.press('Enter');
    await page.waitForURL(`${api}/account/signup`);
    const focused = () => page.evaluate(() => document.activeElement?.id || document.activeElement?.role);
    expect(await focused()).toBe('alert');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await page.waitForURL(/#signup-password$/);
    await page.keyboard.type('typed here');
    expect(await page.locator('#signup-password').inputValue()).toBe('typed here');
  });

  it('is no wider than a phone, and breaks no rule of its policy', async () => {
    const page = await visit('about:blank', { viewport: { width: 320, height: 640 } });
    await page.addInitScript(() =>
      addEventListener('securitypolicyviolation', ({ effectiveDirective }) =>
        console.error(`violates ${effectiveDirective}`),
      ),
    );
    const complaints: string[] = [];
    page.on('console', (message) => {
      if (message.type() === 'error' && !message.text().startsWith('Failed to load'))
        complaints.push(message.text());
    });
    await page.goto(`${api}/account`);
    const signup = formTo(page, '/account/signup');
    await signup.getByLabel('E-mail address').fill(newEmail());
    await signup.getByLabel('Password').fill(first);
    await signup.getByRole('button').click();
    for (const path of ['/account', '/verify-email', '/forgot-password', '/reset-password?token=x']) {
      await page.goto(api + path);
      expect(await page.evaluate(() => document.documentElement.scrollWidth), path).toBe(320);
    }
    expect(complaints).toEqual([]);
  });
});
