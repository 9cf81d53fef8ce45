// The rest of the agent's guide, line by line, in both languages: what desk.mjs does not do already.

import assert from 'node:assert/strict';
import { Desk, inBothLanguages, test, unique } from './harness.mjs';

const CHAT = 'Chat nimbus.example';
const PUBLIC = '@NimbusDemo';
const DIRECT = '@NimbusDemo · DM';

inBothLanguages('a row tells who, what, where, whose, how urgent, and what is unread', async ({ server, desk, page, language }) => {
  const handle = `row-${language}-${unique()}`;
  const id = await server.incoming(DIRECT, handle, 'A first line', `Row ${language}`);
  await server.incoming(DIRECT, handle, 'A second line', `Row ${language}`);
  const act = await server.as('ada');
  const { items: topics } = await act('GET', '/v1/topics');
  const { items: teams } = await act('GET', '/v1/teams');
  await act('PUT', `/v1/conversations/${id}/topics/${topics[0].id}`);
  await act('PUT', `/v1/conversations/${id}/assignment`, { team: teams[0].id });
  await desk.find(handle);
  const row = desk.row(`Row ${language}`);
  await row.locator('.chip').filter({ hasText: topics[0].name }).waitFor();
  assert.match(await row.innerText(), /A second line/);
  assert.match(await row.innerText(), /NimbusDemo/);
  assert.equal(await row.locator('.count').innerText(), '2');
  const bold = (name) => [...document.querySelectorAll('.row-name')].some((e) => e.textContent.includes(name) && Number(getComputedStyle(e).fontWeight) >= 600);
  await page.waitForFunction(bold, `Row ${language}`);
  assert.match((await row.locator('.owner').getAttribute('aria-label')) ?? '', new RegExp(teams[0].name.slice(0, 6)));
  assert.match((await row.locator('.sla').getAttribute('aria-label')) ?? '', /\d/);
});

inBothLanguages('the clock of a promise goes from grey to orange to red, in shape and words too', async ({ server, desk, page, language }) => {
  const handle = `sla-${language}-${unique()}`;
  await server.incoming(PUBLIC, handle, 'How long will it take?', `Clock ${language}`);
  await page.clock.install();
  await page.goto('/');
  await desk.find(handle);
  const clock = desk.row(`Clock ${language}`).locator('.sla');
  const seen = [];
  for (const step of ['0', '55:00', '10:00']) {
    if (step !== '0') await page.clock.fastForward(step);
    await page.clock.runFor(1500);
    seen.push(await clock.evaluate((e) => ({ look: e.className, words: e.getAttribute('aria-label'), shape: e.querySelector('svg')?.innerHTML, text: e.textContent })));
  }
  assert.deepEqual(seen.map((s) => s.look), ['sla sla-grey', 'sla sla-orange', 'sla sla-red']);
  assert.equal(new Set(seen.map((s) => s.shape)).size, 3, 'each has its own shape');
  assert.equal(new Set(seen.map((s) => s.words)).size, 3, 'each has its own words');
  assert.match(seen[2].text, /^\+/, 'red tells how late');
});

inBothLanguages('the filters narrow the list: whose, channel, team, topic', async ({ server, desk, page, language }) => {
  const handle = `filter-${language}-${unique()}`;
  const id = await server.incoming(PUBLIC, handle, 'To be filtered', `Filter ${language}`);
  const act = await server.as('ada');
  const { items: topics } = await act('GET', '/v1/topics');
  const { items: teams } = await act('GET', '/v1/teams');
  const { items: agents } = await act('GET', '/v1/agents');
  const channel = page.locator('.filter-chips [aria-haspopup=listbox]');
  const filter = async (index, name) => {
    await channel.nth(index).click();
    await page.keyboard.type(name);
    await page.keyboard.press('Enter');
    await page.locator('.filter-on').filter({ hasText: name }).waitFor();
  };
  const whose = page.locator('.segments button');
  await desk.find(handle);
  await filter(0, CHAT);
  await desk.row(`Filter ${language}`).waitFor({ state: 'detached' });
  await page.locator('.list-state .placeholder').waitFor();
  await page.goBack();
  await desk.find(handle);
  await desk.row(`Filter ${language}`).waitFor();
  await whose.nth(2).click();
  await act('PUT', `/v1/conversations/${id}/assignment`, { team: teams[0].id });
  // A team's is nobody's until one of the team has it.
  await desk.row(`Filter ${language}`).locator('.owner').filter({ visible: true }).waitFor();
  await whose.nth(0).click();
  await filter(1, teams[0].name);
  await desk.row(`Filter ${language}`).waitFor();
  await act('PUT', `/v1/conversations/${id}/topics/${topics[1].id}`);
  await filter(2, topics[1].name);
  await desk.row(`Filter ${language}`).waitFor();
  await page.goto(`/#/desk/new?text=${handle}`);
  await whose.nth(1).click();
  await desk.row(`Filter ${language}`).waitFor({ state: 'detached' });
  const me = agents.find((a) => a.login.startsWith(desk.login));
  await act('PUT', `/v1/conversations/${id}/assignment`, { agent: me.id });
  await desk.row(`Filter ${language}`).waitFor();
});

inBothLanguages('a message tells its kind, its public link, who and exactly when, under its day', async ({ server, desk, page, language }) => {
  const handle = `meta-${language}-${unique()}`;
  const id = await server.incoming(PUBLIC, handle, 'Out in public', `Meta ${language}`, { thread: handle, link: 'https://social.example/status/1', at: new Date(Date.now() - 3 * 86400e3).toISOString() });
  await server.incoming(PUBLIC, handle, 'And today', `Meta ${language}`, { thread: handle });
  await desk.show(id);
  const message = desk.message('Out in public').first();
  assert.equal(await message.locator('.message-sender').innerText(), `Meta ${language}`);
  assert.notEqual(await message.locator('.message-kind').innerText(), '');
  assert.equal(await message.locator('.public-link').getAttribute('href'), 'https://social.example/status/1');
  const exact = (await message.locator('time').getAttribute('title')) ?? '';
  assert.match(exact, /20\d\d/);
  assert.equal(/ (à|at) /.test(exact), true, exact);
  assert.equal(await page.locator('.day').count(), 2, 'a separator for each day');
  assert.equal(await page.locator('.day').last().innerText(), language === 'fr' ? 'Aujourd’hui' : 'Today');
});

inBothLanguages('earlier conversations of the contact stand above, opened in place, and in the contact pane', async ({ server, desk, page, language }) => {
  const handle = `again-${language}-${unique()}`;
  const first = await server.incoming(PUBLIC, handle, 'The first matter', `Earlier ${language}`);
  const act = await server.as('ada');
  await act('POST', `/v1/conversations/${first}/resolve`, { reason: 'answered' });
  const second = await server.incoming(PUBLIC, handle, 'The second matter', `Earlier ${language}`);
  assert.notEqual(second, first);
  await desk.show(second);
  await page.locator('.earlier summary').first().click();
  await page.locator('.earlier .message').filter({ hasText: 'The first matter' }).waitFor();
  await page.locator('.history li').nth(1).waitFor();
  assert.equal(await page.locator('.history li').count(), 2);
});

inBothLanguages('links to a conversation and to a message are copied, and lead there', async ({ server, desk, page, language }) => {
  const id = await server.incoming(CHAT, `link-${language}-${unique()}`, 'To be linked to', `Link ${language}`);
  await desk.show(id);
  await desk.message('To be linked to').first().locator('.message-menu').click();
  await page.locator('.popover [role=menuitem]').nth(2).click();
  await page.waitForFunction(async (part) => (await navigator.clipboard.readText()).includes(part), id);
  const link = await page.evaluate(() => navigator.clipboard.readText());
  await page.goto('/#/desk/pending');
  await page.goto(link);
  await page.locator('.message.flash, .message:focus').first().waitFor();
});

inBothLanguages('a public thread is blocked and let in again', async ({ server, desk, page, language }) => {
  const id = await server.incoming(PUBLIC, `block-${language}-${unique()}`, 'Spam spam spam', `Block ${language}`);
  await desk.show(id);
  const choose = async (index) => {
    await desk.message('Spam spam spam').first().locator('.message-menu').click();
    await page.locator('.popover [role=menuitem]').filter({ hasText: language === 'fr' ? /loquer/ : /lock/ }).nth(index).click();
  };
  await choose(0);
  await page.locator('dialog .danger').click();
  await page.locator('.reply-notice .banner').waitFor();
  await choose(0);
  await page.locator('.reply-notice .banner').waitFor({ state: 'detached' });
});

inBothLanguages('the reply leaves by the active channel, counts characters, and refuses too many', async ({ server, desk, page, language }) => {
  await desk.show(await server.incoming(PUBLIC, `count-${language}-${unique()}`, 'Short, please', `Count ${language}`));
  await page.locator('.active-channel').filter({ hasText: PUBLIC }).waitFor();
  await desk.write('x'.repeat(270));
  await page.locator('.counter.near').filter({ hasText: '10' }).waitFor();
  await desk.write('x'.repeat(281));
  await page.locator('.counter.over').waitFor();
  assert.ok(await page.locator('.reply-buttons .primary').isDisabled());
  await desk.write('🙂'.repeat(280));
  await page.locator('.counter').filter({ hasText: '0' }).waitFor();
  assert.ok(await page.locator('.reply-buttons .primary').isEnabled());
});

inBothLanguages('files are pasted and dropped, removed, and kept with their conversation', async ({ server, desk, page, language }) => {
  const [one, two] = [await server.incoming(CHAT, `paste-${language}-${unique()}`, 'Send me that', `Paste ${language}`), await server.incoming(CHAT, `other-${language}-${unique()}`, 'Not to me', `Other ${language}`)];
  await desk.show(one);
  const give = (kind, name) =>
    page.evaluate(
      ([kind, name]) => {
        const data = new DataTransfer();
        data.items.add(new File(['what is in it'], name, { type: 'text/plain' }));
        const at = /** @type {Element} */ (document.querySelector(kind === 'paste' ? '.reply-input' : '.reply-box'));
        at.dispatchEvent(kind === 'paste' ? new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true }) : new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true }));
      },
      [kind, name],
    );
  await give('paste', 'pasted.txt');
  await give('drop', 'dropped.txt');
  await page.waitForFunction(() => document.querySelectorAll('.upload small').length === 2);
  await desk.show(two);
  await page.waitForFunction(() => document.querySelectorAll('.upload').length === 0);
  await desk.show(one);
  await page.waitForFunction(() => document.querySelectorAll('.upload').length === 2);
  await page.locator('.upload').filter({ hasText: 'pasted.txt' }).locator('.icon-button').click();
  await page.keyboard.press('r');
  await desk.write('Only one of them');
  await page.keyboard.press('Control+Enter');
  const sent = desk.message('Only one of them').locator('.attachment');
  await sent.first().waitFor();
  assert.equal(await sent.count(), 1);
  assert.match(await sent.innerText(), /dropped\.txt/);
});

inBothLanguages('own saved replies are kept in place, and their places are filled', async ({ server, desk, page, language }) => {
  const mark = `${language}${unique()}`;
  await desk.show(await server.incoming(CHAT, `keep-${mark}`, 'A question', `Zoé Keeper`));
  await page.locator('.contact-head').waitFor();
  await page.keyboard.press('s');
  await page.locator('.picker-foot button').click();
  const form = page.locator('dialog:last-of-type');
  const submit = () => page.locator('dialog').last().locator('.dialog-actions .primary').click();
  await page.locator('dialog .manage > button').click();
  await form.locator('input').first().fill(`Mine ${mark}`);
  await submit();
  const section = page.locator('.manage-section').filter({ hasText: `Mine ${mark}` });
  await section.locator('.manage-head .icon-button').first().click();
  await form.locator('input').first().fill(`Greeting ${mark}`);
  await form.locator('textarea').fill('Hello {first_name}, {agent_first_name} here. {nothing_known}');
  await submit();
  await section.locator('li').filter({ hasText: `Greeting ${mark}` }).waitFor();
  await section.locator('li .icon-button').first().click();
  await form.locator('input').first().fill(`Salute ${mark}`);
  await submit();
  await section.locator('li').filter({ hasText: `Salute ${mark}` }).waitFor();
  await page.keyboard.press('Escape');
  await page.locator('dialog').waitFor({ state: 'detached' });
  await page.locator('[data-saved]').click();
  await page.locator('.popover input').waitFor();
  await page.keyboard.type(`Salute ${mark}`);
  await page.locator('.popover [role=option]').filter({ hasText: `Salute ${mark}` }).waitFor();
  await page.keyboard.press('Enter');
  await page.waitForFunction(() => /^Hello Zoé, (Noah|Camille) here\. \{nothing_known\}$/.test(document.querySelector('.reply-input')?.value ?? ''));
  await page.locator('.toast').filter({ hasText: '{nothing_known}' }).waitFor();
});

inBothLanguages('a team is found by name and given the conversation', async ({ server, desk, page, language }) => {
  await desk.show(await server.incoming(CHAT, `team-${language}-${unique()}`, 'For a team', `Team ${language}`));
  await page.locator('.assign-button').click();
  await page.keyboard.type('reseau');
  await page.keyboard.press('Enter');
  await page.locator('.assign-button').filter({ hasText: 'Réseau' }).waitFor();
  await page.locator('.assign-button').click();
  await page.locator('.picker-foot button').click();
  await page.locator('.assign-button').filter({ hasText: language === 'fr' ? 'Non attribuée' : 'Unassigned' }).waitFor();
});

inBothLanguages('a contact is blocked and let in again', async ({ server, desk, page, language }) => {
  await desk.show(await server.incoming(CHAT, `person-${language}-${unique()}`, 'Hello', `Person ${language}`));
  const toggle = async () => {
    await page.locator('.contact-actions button').click();
    await page.locator('.popover [role=menuitem]').first().click();
  };
  await toggle();
  await page.locator('dialog .danger').click();
  await page.locator('.contact-head .danger-badge').waitFor();
  await toggle();
  await page.locator('.contact-head .danger-badge').waitFor({ state: 'detached' });
});

test('a contact is forgotten by who may, and nothing of them is left to read', async ({ browser, server }) => {
  const ada = await Desk.open(browser, server, 'ada');
  await ada.show(await server.incoming(CHAT, `forget-${unique()}`, 'My secret words', 'Forgettable Person'));
  await ada.page.locator('.contact-actions button').click();
  await ada.page.locator('.popover .danger-text').click();
  await ada.page.locator('dialog .danger').click();
  await ada.page.locator('.contact-head h2').filter({ hasNotText: 'Forgettable' }).waitFor();
  await ada.page.locator('.timeline .masked-text').first().waitFor();
  await ada.page.waitForFunction(() => !/My secret words|Forgettable/.test(document.body.innerText));
  await ada.close();
});

inBothLanguages('who becomes available is given the first conversation that waits', async ({ server, browser, language }) => {
  const login = language === 'fr' ? 'ines' : 'tom';
  const act = await server.as(login);
  await act('PUT', '/v1/me/availability', { kind: 'away' });
  const desk = await Desk.open(browser, server, login);
  const before = (await act('GET', '/v1/queues')).new.mine;
  await desk.page.locator('.queue-count').first().waitFor();
  await desk.page.locator('[data-rail=me]').click();
  await desk.page.locator('.popover [role=menuitemradio]').first().click();
  await desk.page.locator('[data-rail=me] .dot.available').waitFor();
  await desk.page.waitForFunction((n) => Number(document.querySelectorAll('.segment-count')[0]?.textContent) > n, before);
  await act('PUT', '/v1/me/availability', { kind: 'away' });
  await desk.close();
});

inBothLanguages('preferences are kept: availability, name, notifications, language', async ({ desk, page, language }) => {
  await page.goto('/#/preferences');
  await page.locator('.sheet select').nth(2).selectOption('away');
  await page.locator('.toast').first().waitFor();
  await page.reload();
  await page.locator('.sheet select').nth(2).waitFor();
  assert.equal(await page.locator('.sheet select').nth(2).inputValue(), 'away');
  await page.locator('.sheet select').nth(2).selectOption('available');
  const other = language === 'fr' ? 'en' : 'fr';
  await page.locator('.sheet select').nth(0).selectOption(other);
  await page.waitForFunction((code) => document.documentElement.lang === code, other);
  await page.locator('h1').filter({ hasText: other === 'fr' ? 'Préférences' : 'Preferences' }).waitFor();
  await page.locator('.sheet select').nth(0).selectOption(language);
  await page.waitForFunction((code) => document.documentElement.lang === code, language);
  await desk.context.grantPermissions(['notifications']);
  const box = page.locator('.card .check input').first();
  await Promise.all([page.waitForResponse((answer) => answer.url().endsWith('/v1/me/preferences') && answer.ok()), box.check()]);
  await page.reload();
  await page.locator('.card .check input:checked').first().waitFor();
  await page.locator('.card .check input').first().uncheck();
});

test('the look of the screen follows no colour alone and no movement where that is asked', async ({ browser, server }) => {
  const desk = await Desk.open(browser, server, 'noah', { reducedMotion: 'reduce' });
  await desk.page.locator('.row').first().waitFor();
  const moving = await desk.page.evaluate(() => [...document.querySelectorAll('*')].filter((e) => !['0s', ''].includes(getComputedStyle(e).transitionDuration) || getComputedStyle(e).animationName !== 'none').length);
  assert.equal(moving, 0);
  await desk.close();
});
