import type { Frame, Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { isTaken, logIn, newAccount, newEmail, sessionsOf, visitorOf } from './accounts.ts';
import {
  type Carrier,
  carriers,
  type Intent,
  intentsOf,
  pageIntentsOf,
  submitForm,
  taken,
} from './attacks.ts';
import { foreignPages, otherOrigin } from './foreign-pages.ts';
import { api, frontend, hasBrowser, useBrowser } from './visitors.ts';

const visit = useBrowser();

/** A visitor who is logged in, an attacker with an account, and what the browser sends to the API from then on. */
const openScene = async () => {
  const [victim, attacker, newcomerEmail] = [await newAccount(), await newAccount(), newEmail()];
  const page = await visit(frontend);
  await logIn(page, victim);
  const before = [await sessionsOf(victim), await sessionsOf(attacker)];

  const sent: string[] = [];
  const answers: number[] = [];
  const context = page.context();
  context.on('request', (request) => {
    if (request.url().startsWith(api)) sent.push(request.url());
  });
  context.on('response', (response) => {
    if (response.url().startsWith(api)) answers.push(response.status());
  });

  /** In a tab of its own; the page stays at the frontend. */
  const inTab = async (act: (tab: Page) => Promise<unknown>) => {
    const tab = await context.newPage();
    await act(tab);
    await tab.close();
  };
  const expectNothingChanged = async () => {
    expect([await sessionsOf(victim), await sessionsOf(attacker)]).toEqual(before);
    expect(await isTaken(newcomerEmail)).toBe(false);
    expect(await visitorOf(page)).toBe(victim.email);
  };
  const intents = intentsOf(attacker.email, newcomerEmail);
  const pageIntents = pageIntentsOf(attacker.email, newcomerEmail);
  return { page, victim, attacker, intents, pageIntents, sent, answers, inTab, expectNothingChanged };
};

describe.skipIf(!hasBrowser).each(Object.entries(foreignPages))('%s', (_, open) => {
  it.each(Object.entries(carriers))(
    // Proves ASVS 3.5.1.
    'neither logs in or out, signs up nor refreshes by %s',
    async (_, carry) => {
      const { intents, sent, answers, inTab, expectNothingChanged } = await openScene();
      await inTab(async (tab) => {
        for (const intent of Object.values(intents)) await carry(await open(tab), intent);
      });
      expect(sent).toEqual(Object.values(intents).map(({ url }) => url));
      expect(answers.filter((status) => status !== 403)).toEqual([]);
      await expectNothingChanged();
    },
  );

  // Proves ASVS 3.5.1.
  it.each(Object.entries(carriers))('does nothing by the forms of the pages, by %s', async (_, carry) => {
    const { pageIntents, sent, answers, inTab, expectNothingChanged } = await openScene();
    await inTab(async (tab) => {
      for (const intent of Object.values(pageIntents)) await carry(await open(tab), intent);
    });
    expect(sent).toEqual(Object.values(pageIntents).map(({ url }) => url));
    expect(answers.filter((status) => status !== 403)).toEqual([]);
    await expectNothingChanged();
  });
});

// The same requests from where they may come: what is refused above would otherwise take effect.
describe.skipIf(!hasBrowser)('the allowed origin', () => {
  const fromFrontend = (carry: Carrier, intent: Parameters<Carrier>[1]) => async (tab: Page) => {
    await tab.goto(frontend);
    await carry(tab.mainFrame(), intent);
  };

  it.each(Object.entries(taken))('logs in by %s', async (_, carry) => {
    const { page, attacker: other, intents, inTab } = await openScene();
    await inTab(fromFrontend(carry, intents.login));
    expect(await sessionsOf(other)).toHaveLength(2);
    expect(await visitorOf(page)).toBe(other.email);
  });

  it('logs in and out by the forms of the pages', async () => {
    const { page, victim, attacker: other, pageIntents, inTab } = await openScene();
    const carry = taken['a form'] as Carrier;
    await inTab(fromFrontend(carry, pageIntents['/account/login'] as Intent));
    expect(await visitorOf(page)).toBe(other.email);
    await inTab(fromFrontend(carry, pageIntents['/account/logout'] as Intent));
    expect(await visitorOf(page)).toBeNull();
    await expect(sessionsOf(other)).rejects.toThrow('session_revoked');
    // The login has replaced the victim's session in this browser, and no other one.
    expect(await sessionsOf(victim)).toHaveLength(1);
  });

  it.each(Object.entries(carriers))('logs out by %s', async (_, carry) => {
    const { page, victim, intents, inTab } = await openScene();
    await inTab(fromFrontend(carry, intents.logout));
    expect(await visitorOf(page)).toBeNull();
    await expect(sessionsOf(victim)).rejects.toThrow('session_revoked');
  });

  it('lends its origin to nobody by a redirect that keeps the method', async () => {
    const { intents, answers, inTab, expectNothingChanged } = await openScene();
    const { url, form } = intents.login;
    const redirect = `${frontend}/redirect?to=${encodeURIComponent(url)}`;
    await inTab(async (tab) => {
      await tab.goto(otherOrigin);
      const answer = tab.waitForResponse(url);
      await submitForm(tab.mainFrame(), redirect, 'application/x-www-form-urlencoded', Object.entries(form));
      await answer;
    });
    expect(answers).toEqual([403]);
    await expectNothingChanged();
  });
});

describe.skipIf(!hasBrowser)('what a foreign page can do by GET', () => {
  const changing = ['/auth/logout?scope=global', '/auth/refresh', '/auth/token?_method=POST'].map(
    (path) => api + path,
  );

  const embed = (frame: Frame, tag: string, url: string) =>
    frame.evaluate(
      ([tag, url]) =>
        new Promise<void>((resolve) => {
          const element = document.createElement(tag);
          element.onload = element.onerror = () => resolve();
          Object.assign(element, { src: url, data: url, href: url, rel: 'stylesheet' });
          document.documentElement.append(element);
        }),
      [tag, url] as const,
    );

  it.each(['img', 'script', 'link', 'iframe', 'object'])('changes nothing by <%s>', async (tag) => {
    const { sent, inTab, expectNothingChanged } = await openScene();
    await inTab(async (tab) => {
      await tab.goto(otherOrigin);
      for (const url of changing) await embed(tab.mainFrame(), tag, url);
    });
    expect(sent).toEqual(changing);
    await expectNothingChanged();
  });

  it('changes nothing by a link that is followed', async () => {
    const { answers, inTab, expectNothingChanged } = await openScene();
    for (const url of changing) {
      await inTab(async (tab) => {
        await tab.goto(otherOrigin);
        await Promise.all([
          tab.waitForURL(url),
          tab.evaluate((url) => {
            location.href = url;
          }, url),
        ]);
      });
    }
    expect(answers).toEqual([405, 405, 405]);
    await expectNothingChanged();
  });
});
