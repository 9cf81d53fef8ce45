// What operators, auditors, supervisors and administrators do, in both languages.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { inBothLanguagesAs, unique, WAIT_MS_MAX } from './harness.mjs';

const CHAT = 'Chat nimbus.example';

inBothLanguagesAs('olga', 'an operator rebuilds a projection, compares, swaps and goes back', async ({ page }) => {
  await page.goto('/#/operator');
  await page.locator('.card .facts dd.state-good').first().waitFor();
  assert.equal(await page.locator('.card .facts dd.state-bad').count(), 0, 'all is well');
  const row = page.locator('tr[data-key=contacts]');
  const button = (act) => row.locator(`[data-act="contacts operator.${act}"]`);
  await button('rebuild').click();
  await page.locator('dialog input[type=number]').fill('400');
  await page.locator('dialog .primary').click();
  await row.locator('progress').waitFor();
  const left = await row.locator('td').nth(0).innerText();
  assert.match(left, /\d.* \/ .*\d/, `how far it is: ${left}`);
  await button('compare').click();
  await page.locator('.toast').first().waitFor();
  await button('swap').click();
  await button('rollback').click();
  await button('swap').waitFor({ state: 'detached' });
  await row.locator('.state-good').waitFor();
});

inBothLanguagesAs('victor', 'an auditor replays, proves a line in the browser, and exports what was found', async ({ server, page }) => {
  const id = await server.incoming(CHAT, `proof-${unique()}`, 'To be proved', 'Proof Contact');
  const noah = await server.as('noah');
  await noah('POST', `/v1/conversations/${id}/pend`, {});
  await page.goto(`/#/audit?conversation=${id}`);
  const lines = page.locator('tbody tr');
  await lines.nth(2).waitFor();
  // A line is signed within seconds of being written: until then it says so, and can be tried again.
  const proved = lines.first().locator('.good');
  for (const end = Date.now() + 12_000; Date.now() < end && !(await proved.isVisible()); ) {
    await lines.first().locator('td:last-child button').click();
    await page.waitForFunction(() => document.querySelector('tbody tr td:last-child .good, tbody tr td:last-child .bad'));
    if (await proved.isVisible()) break;
    await page.waitForTimeout(1000);
    await page.reload();
    await lines.nth(2).waitFor();
  }
  assert.match(await proved.innerText(), /\d/);
  await lines.first().locator('.button-link').first().click();
  const slider = page.locator('.replay input[type=range]');
  await slider.focus();
  const end = await slider.getAttribute('aria-valuetext');
  await page.keyboard.press('Home');
  assert.notEqual(await slider.getAttribute('aria-valuetext'), end);
  const [file] = await Promise.all([page.waitForEvent('download'), page.locator('.audit-buttons button[type=button]').first().click()]);
  const csv = await readFile(await file.path(), 'utf8');
  assert.ok(csv.includes(id) && csv.includes('"pended"'), 'the export holds what was found');
});

inBothLanguagesAs('victor', 'a key that is not the log’s proves nothing', async ({ page }) => {
  await page.goto('/#/audit');
  await page.locator('tbody tr').first().waitFor();
  await page.evaluate(() => localStorage.setItem('clew.audit-key', 'other.example+00000000+AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'));
  await page.locator('tbody tr').last().locator('td:last-child button').click();
  await page.locator('tbody tr').last().locator('.bad').waitFor();
});

inBothLanguagesAs('ines', 'a supervisor assigns many at once, and gives them a topic', async ({ server, page }) => {
  const mark = `many${unique()}`;
  const ids = [];
  for (let n = 0; n < 3; n++) ids.push(await server.incoming(CHAT, `${mark}-${n}`, `${mark} number ${n}`, `Many ${n}`));
  await page.goto(`/#/supervisor/new?text=${mark}`);
  await page.waitForFunction(() => document.querySelectorAll('.row').length === 3);
  const chosen = (n) => page.waitForFunction((some) => document.querySelector('.bulk-bar [aria-haspopup]').disabled !== some, n > 0);
  const all = async () => {
    await page.locator('.bulk-bar .quiet').first().click();
    await chosen(3);
  };
  const ada = await server.as('ada');
  // What the screen tells may be ahead of what is read by another.
  const each = async (what, is) => {
    for (const end = Date.now() + WAIT_MS_MAX; Date.now() < end; await page.waitForTimeout(100)) {
      const shown = await Promise.all(ids.map((id) => ada('GET', `/v1/conversations/${id}`)));
      if (shown.every(is)) return;
    }
    assert.fail(what);
  };
  await all();
  await page.locator('.bulk-bar [aria-haspopup=listbox]').first().click();
  await page.locator('.popover input').waitFor();
  await page.keyboard.type('tom');
  await page.locator('.popover [role=option]').filter({ hasText: 'Tom' }).waitFor();
  await page.keyboard.press('Enter');
  await chosen(0);
  await each('all are Tom’s', (c) => (c.assignee?.agent?.name ?? c.agent?.name) === 'Tom (demo)');
  await all();
  await page.locator('.bulk-bar [aria-haspopup=listbox]').last().click();
  const topic = await page.locator('.popover [role=menuitem]').first().innerText();
  await page.locator('.popover [role=menuitem]').first().click();
  await chosen(0);
  await each(`all have ${topic}`, (c) => c.topics.some((t) => topic.includes(t.name)));
});

inBothLanguagesAs('ada', 'an administrator makes a rule, and it holds for the next message', async ({ server, page }) => {
  const word = `zinc${unique()}`;
  await page.goto('/#/admin/rules');
  await page.locator('.manage-head .primary').click();
  await page.locator('dialog input').first().fill(`Rule ${word}`);
  await page.locator('dialog textarea').first().fill(word);
  const topic = (await (await server.as('ada'))('GET', '/v1/admin/topics')).items[0].name;
  await page.locator('dialog select').filter({ hasText: topic }).selectOption({ label: topic });
  await page.locator('dialog .primary').click();
  const rule = page.locator('tbody tr').filter({ hasText: word });
  await rule.waitFor();
  assert.ok((await rule.innerText()).includes(topic), 'the list says what it does');
  const id = await server.incoming(CHAT, `rule-${unique()}`, `Is there any ${word} left?`, 'Rule Contact');
  await page.goto(`/#/conversation/${id}`);
  await page.locator('.head-marks .chip').filter({ hasText: topic }).waitFor();
});
