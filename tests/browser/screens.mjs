// Every screen, in both themes: axe finds nothing wrong, nothing is wider than the window, and a picture is kept.

import assert from 'node:assert/strict';
import { Desk, test, unique } from './harness.mjs';

const SHOTS = process.env.CLEW_TEST_SHOTS;
const CHAT = 'Chat nimbus.example';
const PAGES = ['supervisor', 'audit', 'operator', 'preferences', ...['channels', 'teams', 'topics', 'groups', 'attributes', 'away-statuses', 'accounts', 'redactions', 'tokens', 'settings'].map((k) => `admin/${k}`)];

for (const colorScheme of /** @type {const} */ (['light', 'dark'])) {
  test(`screens: the sign-in is sound, ${colorScheme}`, async ({ browser, server }) => {
    const desk = await Desk.open(browser, server, null, { colorScheme, bypassCSP: true });
    await desk.page.goto('/');
    await desk.page.locator('input[name=username]').waitFor();
    assert.deepEqual(await desk.violations(), []);
    await desk.page.screenshot({ path: `${SHOTS}/sign-in-${colorScheme}.png` });
    await desk.close();
  });

  test(`screens: the desk and its windows are sound, ${colorScheme}`, async ({ browser, server }) => {
    const id = await server.incoming(CHAT, `axe-${unique()}`, 'A message to look at', 'Axe Contact');
    const desk = await Desk.open(browser, server, 'ada', { colorScheme, bypassCSP: true });
    const look = async (name) => {
      await desk.page.waitForTimeout(300);
      assert.deepEqual(await desk.violations(), [], name);
      await desk.page.screenshot({ path: `${SHOTS}/${name}-${colorScheme}.png` });
    };
    await desk.page.locator('.row').first().waitFor();
    await look('list');
    await desk.show(id);
    await desk.page.locator('.contact-head').waitFor();
    await look('desk');
    for (const [key, name] of [['a', 'assign'], ['?', 'help'], ['Control+k', 'palette'], ['y', 'transcript']]) {
      const opened = desk.page.locator('dialog[open], :popover-open');
      await desk.page.keyboard.press(key);
      // A key that came before the page was whole is pressed again, as a person would.
      await opened.waitFor({ timeout: 4000 }).catch(() => desk.page.keyboard.press(key));
      await opened.waitFor();
      await look(name);
      await desk.page.keyboard.press('Escape');
      await desk.page.locator('dialog[open], :popover-open').waitFor({ state: 'detached' });
    }
    await desk.page.keyboard.press('n');
    await look('note');
    await desk.close();
  });

  test(`screens: the other pages are sound, ${colorScheme}`, async ({ browser, server }) => {
    const desk = await Desk.open(browser, server, 'ada', { colorScheme, bypassCSP: true });
    for (const page of PAGES) {
      await desk.page.goto(`/#/${page}`);
      await desk.page.locator('.sheet h1').waitFor();
      await desk.page.waitForFunction(() => !document.querySelector('.skeletons'));
      await desk.page.waitForTimeout(200);
      assert.deepEqual(await desk.violations(), [], page);
      await desk.page.screenshot({ path: `${SHOTS}/${page.replace('/', '-')}-${colorScheme}.png` });
    }
    await desk.close();
  });
}

test('screens: nothing is cut off on a narrow window, nor at twice the size', async ({ browser, server }) => {
  const id = await server.incoming(CHAT, `narrow-${unique()}`, 'Seen on a small screen', 'Narrow Contact');
  for (const viewport of [{ width: 360, height: 740 }, { width: 720, height: 450 }]) {
    const desk = await Desk.open(browser, server, 'ada', { viewport });
    const fits = async (what) => assert.equal(await desk.page.evaluate(() => document.documentElement.scrollWidth), viewport.width, `${what} at ${viewport.width}`);
    await desk.page.locator('.row').first().waitFor();
    await fits('list');
    await desk.show(id);
    await fits('conversation');
    const whose = await desk.page.locator('.assign-button span').first().boundingBox();
    assert.ok(whose && whose.width > 40, `whose it is can be read at ${viewport.width}`);
    for (const part of ['.conversation-head', '.assign-button', '.reply-buttons .primary', '.rail']) {
      const box = await desk.page.locator(part).boundingBox();
      assert.ok(box && box.x >= 0 && box.y >= 0 && box.x + box.width <= viewport.width + 1 && box.y + box.height <= viewport.height + 1, `${part} is in sight at ${viewport.width}`);
    }
    await desk.page.screenshot({ path: `${SHOTS}/conversation-${viewport.width}.png` });
    for (const page of PAGES) {
      await desk.page.goto(`/#/${page}`);
      await desk.page.locator('.sheet h1').waitFor();
      await fits(page);
    }
    await desk.close();
  }
});
