// The pages around the desk: setting up, supervising, and choosing a platform.

import assert from 'node:assert/strict';
import { Desk, inBothLanguages, inBothLanguagesAs, Server, test, unique } from './harness.mjs';

inBothLanguagesAs('ada', 'an administrator sets up every kind of thing', async ({ page }) => {
  const mark = unique();
  const add = async (kind, fields) => {
    await page.goto(`/#/admin/${kind}`);
    await page.locator('.manage-head .primary').click();
    assert.ok(await page.locator('dialog .form input').first().evaluate((input) => input === document.activeElement), `${kind}: one can type at once`);
    for (const [index, text] of Object.entries(fields)) await page.locator('dialog input:not([type=checkbox])').nth(Number(index)).fill(text);
    await page.locator('dialog .primary').click();
  };
  const there = (text) => page.locator('tbody tr').filter({ hasText: text }).first().waitFor();
  for (const kind of ['teams', 'groups', 'away-statuses']) {
    await add(kind, { 0: `${kind} ${mark}` });
    await there(`${kind} ${mark}`);
  }
  await add('attributes', { 0: `key_${mark}`, 1: `Label ${mark}` });
  await there(`Label ${mark}`);
  await add('channels', { 0: `Channel ${mark}` });
  await there(`Channel ${mark}`);
  await add('accounts', { 0: `person${mark}@demo.example`, 1: `Person ${mark}`, 2: 'a long enough password' });
  await there(`Person ${mark}`);
  await add('tokens', { 0: `Token ${mark}` });
  await page.locator('dialog .secret').waitFor();
  assert.match(await page.locator('dialog .secret').inputValue(), /.{20,}/);
  await page.locator('dialog .primary').click();
  await there(`Token ${mark}`);
  await page.goto('/#/admin/settings');
  await page.locator('.admin-body form .primary').click();
  await page.locator('.toast').first().waitFor();
});

inBothLanguages('a supervisor sees agents and their load, and sets a state', async ({ browser, server, language }) => {
  const boss = await Desk.open(browser, server, 'ines', { locale: language === 'fr' ? 'fr-FR' : 'en-GB' });
  await boss.page.goto('/#/supervisor');
  const tom = boss.page.locator('tr').filter({ hasText: 'Tom' });
  assert.match(await tom.locator('.load').innerText(), /\d/);
  const set = async (index, look) => {
    await tom.locator('[data-agent]').click();
    await boss.page.locator('.popover [role=menuitemradio]').nth(index).click();
    await tom.locator(`.dot.${look}`).waitFor();
  };
  await set(2, 'away_for');
  await set(1, 'away');
  await boss.close();
});

test('an agent chooses the platform where the operator names several', async ({ browser, server }) => {
  const here = new Server();
  await here.begin('regions', (url) => ['--public-url', url, '--regions', `Europe=${url}, United States=${server.url}`]);
  const desk = await Desk.open(browser, here, null, { locale: 'fr-FR' });
  await desk.page.goto('/');
  const choice = desk.page.locator('select[name=region]');
  await choice.waitFor();
  assert.equal(await choice.locator('option:checked').innerText(), 'Europe');
  await desk.page.locator('label').filter({ hasText: 'Plateforme' }).waitFor();
  await choice.selectOption({ label: 'United States' });
  await desk.page.waitForURL(`${server.url}/**`);
  await desk.page.locator('input[name=username]').waitFor();
  assert.equal(await desk.page.locator('select[name=region]').count(), 0, 'the other platform names none');
  desk.faults = desk.faults.filter((fault) => !fault.includes(server.url));
  await desk.close();
  await here.kill();
});
