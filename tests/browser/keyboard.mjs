// The keyboard alone, on layouts of three countries, and what a screen reader is told.

import assert from 'node:assert/strict';
import { Desk, inBothLanguages, test, unique } from './harness.mjs';

const CHAT = 'Chat nimbus.example';
/** Which key gives a character, and whether with Shift. */
const LAYOUTS = {
  British: { j: 'KeyJ', a: 'KeyA', y: 'KeyY', '/': 'Slash', '?': 'Shift+Slash' },
  French: { j: 'KeyJ', a: 'KeyQ', y: 'KeyY', '/': 'Shift+Period', '?': 'Shift+KeyM' },
  German: { j: 'KeyJ', a: 'KeyA', y: 'KeyZ', '/': 'Shift+Digit7', '?': 'Shift+Minus' },
};

for (const [country, keys] of Object.entries(LAYOUTS)) {
  test(`keyboard: shortcuts are where the characters are on a ${country} layout`, async ({ browser, server }) => {
    const desk = await Desk.open(browser, server, 'noah');
    const { page } = desk;
    const wire = await desk.context.newCDPSession(page);
    const press = async (key) => {
      const [code, shift] = [keys[key].replace('Shift+', ''), keys[key].startsWith('Shift+')];
      const event = { key, code, text: key, modifiers: shift ? 8 : 0 };
      await wire.send('Input.dispatchKeyEvent', { type: 'keyDown', ...event });
      await wire.send('Input.dispatchKeyEvent', { type: 'keyUp', ...event });
    };
    await desk.show(await server.incoming(CHAT, `keys-${country}-${unique()}`, 'For the keyboard', 'Key Contact'));
    await press('a');
    await page.locator('.popover [role=listbox]').waitFor();
    await page.keyboard.press('Escape');
    await page.locator('.popover').waitFor({ state: 'detached' });
    await press('y');
    await page.locator('dialog textarea').waitFor();
    await page.keyboard.press('Escape');
    await press('?');
    await page.locator('dialog .help').waitFor();
    await page.keyboard.press('Escape');
    await page.locator('dialog').waitFor({ state: 'detached' });
    await press('/');
    await page.waitForFunction(() => document.activeElement?.matches('[data-search]'));
    await page.keyboard.press('Tab');
    await page.keyboard.press('r');
    await page.waitForFunction(() => document.activeElement?.matches('.reply-input'));
    await press('/');
    await page.locator('.popover [role=listbox]').waitFor();
    await page.keyboard.press('Escape');
    assert.equal(await page.locator('.reply-input').inputValue(), '');
    await desk.close();
  });
}

inBothLanguages('keyboard: every shortcut is in the palette, and a letter typed into a field is only a letter', async ({ server, desk, page, language }) => {
  await desk.show(await server.incoming(CHAT, `palette-${language}-${unique()}`, 'For the palette', 'Palette Contact'));
  await page.keyboard.press('?');
  const told = await page.locator('.help section').evaluateAll((sections) => sections.slice(0, 2).flatMap((s) => [...s.querySelectorAll('dd')].map((d) => d.textContent ?? '')));
  await page.keyboard.press('Escape');
  assert.ok(told.length >= 12, `${told.length} shortcuts`);
  await page.keyboard.press('Control+k');
  const offered = await page.locator('.palette .picker-title').allInnerTexts();
  for (const one of told) assert.ok(offered.includes(one), `${one} is in the palette`);
  await page.keyboard.press('Escape');
  await page.keyboard.press('r');
  await page.keyboard.type('jkerna?');
  assert.equal(await page.locator('.reply-input').inputValue(), 'jkerna?');
  assert.equal(await page.locator('dialog, .popover').count(), 0);
  await page.keyboard.press('Escape');
  await page.keyboard.press('p');
  await page.locator('.conversation-head .badge.queue-pending, .toast').first().waitFor();
});

inBothLanguages('keyboard: focus is seen wherever Tab leads, and returns from windows', async ({ server, desk, page, language }) => {
  await desk.show(await server.incoming(CHAT, `focus-${language}-${unique()}`, 'For the focus', 'Focus Contact'));
  const unseen = [];
  for (let n = 0; n < 40; n++) {
    await page.keyboard.press('Tab');
    const hidden = await page.evaluate(() => {
      const at = /** @type {HTMLElement} */ (document.activeElement);
      const look = getComputedStyle(at);
      const outlined = look.outlineStyle !== 'none' && parseFloat(look.outlineWidth) > 0;
      const within = at.parentElement && getComputedStyle(at.parentElement);
      return outlined || look.boxShadow !== 'none' || (within && within.boxShadow !== 'none') || at.closest('.reply-box, .search-box') ? '' : at.outerHTML.slice(0, 90);
    });
    if (hidden) unseen.push(hidden);
  }
  assert.deepEqual(unseen, []);
  await page.locator('.assign-button').focus();
  await page.keyboard.press('Enter');
  await page.locator('.popover').waitFor();
  await page.keyboard.press('Escape');
  await page.waitForFunction(() => document.activeElement?.matches('.assign-button'));
});

inBothLanguages('keyboard: a message that comes in is told to a screen reader', async ({ server, desk, page, language }) => {
  const handle = `told-${language}-${unique()}`;
  await desk.show(await server.incoming(CHAT, handle, 'Before', 'Told Contact'));
  await page.evaluate(() => {
    window.told = '';
    new MutationObserver(() => (window.told += document.querySelector('[aria-live=polite].visually-hidden')?.textContent ?? '')).observe(document.body, { childList: true, subtree: true, characterData: true });
  });
  await server.incoming(CHAT, handle, 'Words to be heard', 'Told Contact');
  await page.waitForFunction(() => window.told.includes('Words to be heard'));
});
