// A conversation that is put off until a time, and the screen where there is nothing to show.

import assert from 'node:assert/strict';
import { inBothLanguages, test, unique, Desk } from './harness.mjs';

const CHAT = 'Chat nimbus.example';
const AHEAD_MS = 2500;

inBothLanguages('a conversation is put off until a time, of those offered or of one’s own', async ({ server, desk, page, language }) => {
  const id = await server.incoming(CHAT, `later-${unique()}`, 'Call me later', `Later ${language}`);
  const act = await server.as(desk.login);
  const until = async () => (await act('GET', `/v1/conversations/${id}`)).pended_until;
  await desk.show(id);
  await page.locator('[data-until]').click();
  const offered = page.locator('.popover [role=menuitem]');
  assert.ok((await offered.count()) >= 4);
  await offered.first().click();
  await page.locator('.toast').first().waitFor();
  const hour_ms = new Date(await until()).getTime() - Date.now();
  assert.ok(hour_ms > 55 * 60e3 && hour_ms <= 61 * 60e3, `in an hour: ${hour_ms} ms`);
  // Where it waits already, the time can be put off further.
  await desk.show(id);
  await page.keyboard.press('b');
  await offered.last().click();
  const time = page.locator('dialog input[type=datetime-local]');
  await time.fill('2020-01-01T09:00');
  await page.locator('dialog [type=submit]').click();
  await page.locator('dialog .form-error').waitFor();
  await time.fill('2031-05-06T09:00');
  await page.locator('dialog [type=submit]').click();
  await page.locator('.head-marks').filter({ hasText: '2031' }).waitFor();
  assert.match(await until(), /^2031-05-0[5-7]/);
});

inBothLanguages('a conversation comes back to New at its time, without anybody’s act', async ({ server, desk, page }) => {
  const id = await server.incoming(CHAT, `back-${unique()}`, 'Back soon', 'Back Soon');
  await desk.show(id);
  const act = await server.as(desk.login);
  await act('POST', `/v1/conversations/${id}/pend`, { until: new Date(Date.now() + AHEAD_MS).toISOString() });
  await page.locator('.conversation-head .badge.queue-pending').waitFor();
  await page.locator('.conversation-head .badge.queue-new').waitFor();
});

inBothLanguages('filters that nothing passes are named as the reason, and taken away at once', async ({ desk, page }) => {
  await page.goto(`/#/desk/new?text=${unique()}`);
  await page.locator('.list-state button').click();
  await page.locator('.row').first().waitFor();
  assert.ok(!page.url().includes('text='));
  assert.equal(await page.locator('input[type=search]').inputValue(), '');
  await desk.page.locator('.list-state .placeholder').waitFor({ state: 'detached' });
});

test('where a conversation can’t be opened, nothing pretends to be on its way', async ({ browser, server }) => {
  const desk = await Desk.open(browser, server, 'noah');
  await desk.page.goto('/#/conversation/00000000-0000-0000-0000-000000000000');
  await desk.page.locator('.placeholder').filter({ hasText: /\S/ }).first().waitFor();
  await desk.page.locator('.contact-pane .skeletons').waitFor({ state: 'detached' });
  await desk.close();
});
