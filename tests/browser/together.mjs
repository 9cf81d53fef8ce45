// Two agents at two browsers: what one does, the other sees.

import { Desk, test, unique } from './harness.mjs';

const CHAT = 'Chat nimbus.example';

/** Registers a flow of two agents twice: the first of them works in English, then in French. */
function forTwo(name, run) {
  for (const [language, first, other] of [['en', 'noah', 'camille'], ['fr', 'camille', 'noah']]) {
    test(`${language}: ${name}`, async ({ browser, server }) => {
      const [one, two] = [await Desk.open(browser, server, first), await Desk.open(browser, server, other)];
      await run({ server, one, two });
      await one.close();
      await two.close();
    });
  }
}

forTwo('an assignment reaches the other agent, with a notification', async ({ server, one, two }) => {
  const id = await server.incoming(CHAT, `assign-${unique()}`, 'For the other', 'Assignment Two');
  await two.show(id);
  await two.page.keyboard.press('a');
  await two.page.keyboard.type(one.login);
  await two.page.keyboard.press('Enter');
  await one.page.locator('.rail-count').waitFor();
  await one.page.locator('[data-rail=notices]').click();
  await one.page.locator('.notices li a').first().click();
  await one.message('For the other').waitFor();
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

forTwo('a reply to what is no longer the newest keeps the draft and shows what came', async ({ server, one }) => {
  const handle = `conflict-${unique()}`;
  const id = await server.incoming(CHAT, handle, 'A question', 'Conflict Contact');
  await one.page.route('**/v1/feed*', (route) => route.abort());
  await one.page.reload();
  await one.show(id);
  await one.write('An answer to the question');
  await server.incoming(CHAT, handle, 'Never mind, I found it', 'Conflict Contact');
  await one.page.keyboard.press('Control+Enter');
  await one.page.locator('.unseen').filter({ hasText: 'Never mind, I found it' }).waitFor();
  await one.page.waitForFunction(() => document.querySelector('.reply-input')?.value === 'An answer to the question');
  await one.page.locator('.unseen .primary').click();
  await one.message('An answer to the question').waitFor();
});

forTwo('who writes has the lock; it can be taken over', async ({ server, one, two }) => {
  const id = await server.incoming(CHAT, `lock-${unique()}`, 'Who answers me?', 'Lock Contact');
  await two.show(id);
  await one.show(id);
  await two.write('I do');
  await one.page.locator('.banner.warn').waitFor();
  await one.page.locator('.banner.warn button').click();
  await one.page.locator('.banner.warn').waitFor({ state: 'detached' });
  await two.page.locator('.banner.warn').waitFor();
});

forTwo('who else looks at a conversation, and who writes in it, is shown as it happens', async ({ server, one, two }) => {
  const id = await server.incoming(CHAT, `seen-${unique()}`, 'Who looks at me?', 'Presence Contact');
  await one.show(id);
  await two.show(id);
  const told = one.page.locator('.presence');
  await told.filter({ hasText: new RegExp(two.login, 'i') }).waitFor();
  const looks = await told.innerText();
  await two.page.locator('.reply-input').pressSequentially('I am at it', { delay: 20 });
  await one.page.waitForFunction((before) => ![before, ''].includes(document.querySelector('.presence')?.innerText ?? ''), looks);
  await two.write('');
  await two.page.goto('/#/desk/pending');
  await told.waitFor({ state: 'detached' });
});

for (const language of ['en', 'fr']) {
  test(`${language}: a desktop notification tells of an assignment to an agent who looks elsewhere`, async ({ browser, server }) => {
    const login = language === 'en' ? 'noah' : 'camille';
    const act = await server.as(login);
    const me = await act('GET', '/v1/me');
    await act('PUT', '/v1/me/preferences', { ...me.preferences, desktop_notifications: true });
    const desk = await Desk.open(browser, server, login, { permissions: ['notifications', 'clipboard-read', 'clipboard-write'] });
    await desk.page.evaluate(() => {
      document.hasFocus = () => false;
      window.told = [];
      window.Notification = class {
        static permission = 'granted';
        constructor(title) {
          window.told.push(title);
        }
        addEventListener() {}
        close() {}
      };
    });
    const id = await server.incoming(CHAT, `told-${unique()}`, 'For you', 'Told Contact');
    const boss = await server.as('ines');
    await boss('PUT', `/v1/conversations/${id}/assignment`, { agent: me.agent.id });
    await desk.page.waitForFunction(() => window.told.length === 1);
    await act('PUT', '/v1/me/preferences', me.preferences);
    await desk.close();
  });
}

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
