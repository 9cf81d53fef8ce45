// Two agents at two browsers: what one does, the other sees.

import { Desk, test, unique } from './harness.mjs';

const CHAT = 'Chat nimbus.example';

test('an assignment reaches the other agent, with a notification', async ({ browser, server }) => {
  const id = await server.incoming(CHAT, `assign-${unique()}`, 'For the other', 'Assignment Two');
  const camille = await Desk.open(browser, server, 'camille');
  const noah = await Desk.open(browser, server, 'noah');
  await camille.show(id);
  await camille.page.keyboard.press('a');
  await camille.page.keyboard.type('noah');
  await camille.page.keyboard.press('Enter');
  await noah.page.locator('.rail-count').waitFor();
  await noah.page.locator('[data-rail=notices]').click();
  await noah.page.locator('.notices li a').first().click();
  await noah.message('For the other').waitFor();
  await camille.close();
  await noah.close();
});

test('a message elsewhere appears here by itself', async ({ browser, server }) => {
  const noah = await Desk.open(browser, server, 'noah');
  const handle = `live-${unique()}`;
  const id = await server.incoming(CHAT, handle, 'The first of two', 'Live Contact');
  await noah.show(id);
  await server.incoming(CHAT, handle, 'The second of two', 'Live Contact');
  await noah.message('The second of two').waitFor();
  await noah.close();
});

test('a reply to what is no longer the newest keeps the draft and shows what came', async ({ browser, server }) => {
  const noah = await Desk.open(browser, server, 'noah');
  const handle = `conflict-${unique()}`;
  const id = await server.incoming(CHAT, handle, 'A question', 'Conflict Contact');
  await noah.page.route('**/v1/feed*', (route) => route.abort());
  await noah.page.reload();
  await noah.show(id);
  await noah.write('An answer to the question');
  await server.incoming(CHAT, handle, 'Never mind, I found it', 'Conflict Contact');
  await noah.page.keyboard.press('Control+Enter');
  await noah.page.locator('.unseen').filter({ hasText: 'Never mind, I found it' }).waitFor();
  await noah.page.waitForFunction(() => document.querySelector('.reply-input')?.value === 'An answer to the question');
  await noah.page.locator('.unseen .primary').click();
  await noah.message('An answer to the question').waitFor();
  await noah.close();
});

test('who writes has the lock; it can be taken over', async ({ browser, server }) => {
  const id = await server.incoming(CHAT, `lock-${unique()}`, 'Who answers me?', 'Lock Contact');
  const noah = await Desk.open(browser, server, 'noah');
  const tom = await Desk.open(browser, server, 'tom');
  await noah.show(id);
  await tom.show(id);
  await noah.write('I do');
  await tom.page.locator('.banner.warn').waitFor();
  await tom.page.locator('.banner.warn button').click();
  await tom.page.locator('.banner.warn').waitFor({ state: 'detached' });
  await noah.page.locator('.banner.warn').waitFor();
  await noah.close();
  await tom.close();
});

test('a supervisor resolves many at once', async ({ browser, server }) => {
  const mark = `bulk${unique()}`;
  for (let n = 0; n < 3; n++) await server.incoming(CHAT, `${mark}-${n}`, `${mark} number ${n}`, `Bulk ${n}`);
  const ada = await Desk.open(browser, server, 'ada');
  await ada.page.goto(`/#/supervisor/new?text=${mark}`);
  await ada.page.waitForFunction(() => document.querySelectorAll('.row').length === 3);
  await ada.page.getByRole('button', { name: 'Select all shown' }).click();
  await ada.page.locator('.bulk-bar').getByRole('button', { name: 'Resolve' }).click();
  await ada.choose('No reply needed');
  await ada.page.locator('dialog .primary').click();
  await ada.page.waitForFunction(() => document.querySelectorAll('.row').length === 0);
  await ada.close();
});

test('an auditor searches the trail and replays a conversation', async ({ browser, server }) => {
  const id = await server.incoming(CHAT, `audit-${unique()}`, 'To be replayed', 'Audit Contact');
  const noah = await server.as('noah');
  await noah('POST', `/v1/conversations/${id}/pend`, {});
  const victor = await Desk.open(browser, server, 'victor');
  await victor.page.goto(`/#/audit?conversation=${id}`);
  await victor.page.locator('tbody tr').filter({ hasText: 'Pending' }).waitFor();
  await victor.page.locator('.button-link').first().click();
  await victor.page.locator('.replay .badge').filter({ hasText: 'Pending' }).waitFor();
  await victor.page.locator('.replay input[type=range]').focus();
  await victor.page.keyboard.press('Home');
  await victor.page.locator('.replay .facts .badge').filter({ hasText: 'New' }).waitFor();
  await victor.close();
});

test('an administrator adds a topic, and agents have it', async ({ browser, server }) => {
  const name = `Topic ${unique()}`;
  const ada = await Desk.open(browser, server, 'ada');
  const noah = await Desk.open(browser, server, 'noah');
  await noah.show(await server.incoming(CHAT, `topic-${unique()}`, 'About that', 'Topic Contact'));
  await ada.page.goto('/#/admin/topics');
  await ada.page.getByRole('button', { name: 'Add' }).click();
  await ada.page.locator('dialog input').fill(name);
  await ada.page.keyboard.press('Enter');
  await ada.page.locator('tbody tr').filter({ hasText: name }).waitFor();
  await noah.page.waitForTimeout(300);
  await noah.page.keyboard.press('t');
  await noah.page.keyboard.type(name);
  await noah.page.keyboard.press('Enter');
  await noah.page.locator('.head-marks .chip').filter({ hasText: name }).waitFor();
  await ada.close();
  await noah.close();
});
