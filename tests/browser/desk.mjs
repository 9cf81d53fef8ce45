// One agent at the desk, in both languages: every line of the guide at least once.

import assert from 'node:assert/strict';
import { Desk, PASSWORD, test, unique } from './harness.mjs';

const CHAT = 'Chat nimbus.example';
const PUBLIC = '@NimbusDemo';

/** The words by which the flows find things. */
const WORDS = {
  en: { locale: 'en-GB', wrong: 'wrong', send: 'Send', sendPend: 'Send and pend', sendResolve: 'Send and resolve', pending: 'Pending', resolved: 'Resolved', edit: 'Edit', remove: 'Delete', replyTo: 'Reply to this message', quote: 'Quote', like: 'Like', mask: 'Mask', masked: 'Masked by', view: 'Conversation view', trail: 'Audit trail', copy: 'Copy', away: 'Away', dark: 'Dark', assigned: 'assigned the conversation', back: 'Back to New' },
  fr: { locale: 'fr-FR', wrong: 'faux', send: 'Envoyer', sendPend: 'Envoyer et attendre', sendResolve: 'Envoyer et résoudre', pending: 'En attente', resolved: 'Résolu', edit: 'Modifier', remove: 'Supprimer', replyTo: 'Répondre à ce message', quote: 'Citer', like: 'Aimer', mask: 'Masquer', masked: 'Masqué par', view: 'Mode Conversation', trail: 'Pistes d’audit', copy: 'Copier', away: 'Absent', dark: 'Sombre', assigned: 'a attribué la conversation', back: 'Remettre en Nouveau' },
};

for (const [language, words] of Object.entries(WORDS)) {
  const login = language === 'fr' ? 'camille' : 'noah';
  const flow = (name, run) =>
    test(`${language}: ${name}`, async (given) => {
      const desk = await Desk.open(given.browser, given.server, login, { locale: words.locale });
      await run({ ...given, desk, page: desk.page });
      await desk.close();
    });
  const fresh = (server, name, text = 'Bonjour, hello?', channel = CHAT) => server.incoming(channel, `${name}-${language}-${unique()}`, text, `${name} ${language}`);

  test(`${language}: signs in, after a wrong password`, async ({ browser, server }) => {
    const desk = await Desk.open(browser, server, null, { locale: words.locale });
    await desk.page.goto('/');
    await desk.page.locator('input[name=username]').fill(`${login}@demo.example`);
    await desk.page.locator('input[name=password]').fill('not the password');
    await desk.page.locator('button[type=submit]').click();
    await desk.page.getByRole('alert').filter({ hasText: words.wrong }).waitFor();
    await desk.signIn(login, PASSWORD);
    await desk.page.locator('.row').first().waitFor();
    assert.equal(await desk.page.evaluate(() => document.documentElement.lang), language);
    await desk.close();
  });

  flow('replies, and sends to Pending and to Resolved', async ({ server, desk, page }) => {
    const id = await fresh(server, 'Reply');
    await desk.show(id);
    await desk.write('A first reply');
    await page.getByRole('button', { name: words.send, exact: true }).click();
    await desk.message('A first reply').waitFor();
    await page.locator('.message.sending').waitFor({ state: 'detached' });
    await page.waitForFunction(() => [...document.querySelectorAll('.timeline .message')].filter((message) => message.textContent.includes('A first reply')).length === 1);
    await desk.write('A second reply');
    await page.getByRole('button', { name: words.sendPend }).click();
    await page.locator('.queues a').filter({ hasText: words.pending }).click();
    await desk.row(`Reply ${language}`).first().click();
    await desk.message('A second reply').waitFor();
    await desk.write('A last reply');
    await page.getByRole('button', { name: words.sendResolve }).click();
    await page.locator('.queues a').filter({ hasText: words.resolved }).click();
    await desk.row(`Reply ${language}`).first().waitFor();
  });

  flow('writes, edits and deletes a note', async ({ server, desk, page }) => {
    await desk.show(await fresh(server, 'Note'));
    await page.keyboard.press('n');
    await desk.write('A first note');
    await page.keyboard.press('Control+Enter');
    const note = page.locator('.note').filter({ hasText: 'first note' });
    await note.waitFor();
    await note.locator('[aria-haspopup=menu]').click();
    await desk.choose(words.edit);
    await page.locator('.note textarea').fill('A better note');
    await page.locator('.note button[type=submit]').click();
    const better = page.locator('.note').filter({ hasText: 'A better note' });
    await better.waitFor();
    await better.locator('[aria-haspopup=menu]').click();
    await desk.choose(words.remove);
    await page.locator('dialog .danger').click();
    await better.waitFor({ state: 'detached' });
  });

  flow('refers to a message, likes it, masks it', async ({ server, desk, page }) => {
    await desk.show(await fresh(server, 'Public', 'Something to mask', PUBLIC));
    const menu = () => desk.message('Something to mask').first().locator('.message-menu').click();
    await menu();
    await desk.choose(words.replyTo);
    await desk.write('To that message');
    await page.keyboard.press('Control+Enter');
    await desk.message('To that message').locator('.quoted').filter({ hasText: 'Something to mask' }).waitFor();
    await menu();
    await desk.choose(words.quote);
    await page.locator('.reply-mode').filter({ hasText: 'Something to mask' }).waitFor();
    await menu();
    await desk.choose(words.like);
    await page.locator('.message .liked').waitFor();
    await desk.close();
    const supervisor = await Desk.open(page.context().browser(), server, 'ines', { locale: words.locale });
    const inFrench = await supervisor.page.evaluate(() => document.documentElement.lang);
    await supervisor.page.goto(page.url());
    await supervisor.message('Something to mask').first().waitFor();
    await supervisor.message('Something to mask').first().locator('.message-menu').click();
    await supervisor.choose(WORDS[inFrench].mask);
    await supervisor.page.locator('dialog .danger').click();
    await supervisor.page.locator('.masked-text').filter({ hasText: WORDS[inFrench].masked }).first().waitFor();
    assert.ok(!(await supervisor.page.locator('.timeline').innerText()).includes('Something to mask'), 'the text is gone, from what embeds it too');
    await supervisor.close();
  });

  flow('adds and removes a topic, and assigns by a name without its accent', async ({ server, desk, page }) => {
    await desk.show(await fresh(server, 'Topic'));
    await page.keyboard.press('t');
    await page.keyboard.type('facture');
    await page.keyboard.press('Enter');
    const chip = page.locator('.head-marks .chip').filter({ hasText: 'Facture' });
    await chip.waitFor();
    await page.keyboard.press('Escape');
    await chip.locator('button').click();
    await chip.waitFor({ state: 'detached' });
    await page.keyboard.press('a');
    await page.keyboard.type('ines');
    await page.keyboard.press('Enter');
    await page.locator('.assign-button').filter({ hasText: 'Inès' }).waitFor();
  });

  flow('shows what it copies, then copies it', async ({ server, desk, page }) => {
    await desk.show(await fresh(server, 'Copy', 'Words to copy'));
    await page.locator('.conversation-head').getByRole('button', { name: words.copy }).click();
    const shown = await page.locator('dialog textarea').inputValue();
    assert.match(shown, /Words to copy/);
    await page.locator('dialog .primary').click();
    assert.equal(await page.evaluate(() => navigator.clipboard.readText()), shown);
  });

  flow('shows and hides the audit trail, and remembers', async ({ server, desk, page }) => {
    const id = await fresh(server, 'Trail');
    const act = await server.as(login);
    const { items } = await act('GET', '/v1/agents');
    await act('PUT', `/v1/conversations/${id}/assignment`, { agent: items.find((a) => a.login.startsWith(login)).id });
    await desk.show(id);
    const toggle = async () => {
      await page.getByRole('button', { name: words.view }).click();
      await desk.choose(words.trail);
    };
    await toggle();
    await page.locator('.audit-line').filter({ hasText: words.assigned }).first().waitFor();
    const order = await page.locator('.entries .audit-line, .entries .message').evaluateAll((lines) => lines.map((line) => line.classList.contains('message')));
    assert.deepEqual(order.slice(0, 2), [false, true], 'the beginning stands before the message that began it');
    await page.reload();
    await page.locator('.audit-line').filter({ hasText: words.assigned }).first().waitFor();
    await toggle();
    await page.locator('.audit-line').first().waitFor({ state: 'detached' });
  });

  flow('edits an attribute of the contact and puts them into a group', async ({ server, desk, page }) => {
    await desk.show(await fresh(server, 'Contact'));
    await page.locator('.attribute-value[aria-label^="Prénom"]').click();
    await page.locator('.attributes input').fill('Zoé');
    await page.keyboard.press('Enter');
    await page.locator('.attribute-value').filter({ hasText: 'Zoé' }).waitFor();
    await page.locator('.contact-groups .add').click();
    await page.keyboard.type('vip');
    await page.keyboard.press('Enter');
    await page.locator('.contact-groups .chip').filter({ hasText: 'VIP' }).waitFor();
    await page.keyboard.press('Escape');
    await page.locator('.head-marks .chip.group').filter({ hasText: 'VIP' }).waitFor();
  });

  flow('fills a saved reply typed for with /', async ({ server, desk, page }) => {
    await desk.show(await fresh(server, 'Saved'));
    await page.keyboard.press('r');
    await page.keyboard.type('/');
    await page.locator('.picker-option').first().waitFor();
    await page.keyboard.press('Enter');
    await page.waitForFunction(() => document.querySelector('.reply-input')?.value.length > 3);
    assert.doesNotMatch(await page.locator('.reply-input').inputValue(), /^\//);
  });

  flow('keeps a draft per conversation and across a reload', async ({ server, desk, page }) => {
    const [one, two] = [await fresh(server, 'Draft'), await fresh(server, 'Other')];
    await desk.show(one);
    await desk.write('Half a sentence');
    await desk.show(two);
    assert.equal(await page.locator('.reply-input').inputValue(), '');
    await desk.show(one);
    assert.equal(await page.locator('.reply-input').inputValue(), 'Half a sentence');
    await page.reload();
    await page.locator('.conversation-head h1').waitFor();
    await page.waitForFunction(() => document.querySelector('.reply-input')?.value === 'Half a sentence');
  });

  flow('sends a file', async ({ server, desk, page }) => {
    await desk.show(await fresh(server, 'File'));
    await page.locator('.reply input[type=file]').setInputFiles({ name: 'bill.txt', mimeType: 'text/plain', buffer: Buffer.from('twelve euros') });
    await page.locator('.upload progress').waitFor({ state: 'detached' });
    await desk.write('With a file');
    await page.keyboard.press('Control+Enter');
    await desk.message('With a file').locator('.attachment').filter({ hasText: 'bill.txt' }).waitFor();
  });

  flow('finds by text, filters, and moves with the keyboard', async ({ server, desk, page }) => {
    const mark = `needle${unique()}`;
    await fresh(server, 'Find', mark);
    await page.locator('.row').nth(3).waitFor();
    await page.keyboard.press('j');
    await page.locator('.row.open').waitFor();
    const first = await page.locator('.row.open .row-name').innerText();
    await page.keyboard.press('j');
    await page.waitForFunction((name) => document.querySelector('.row.open .row-name')?.textContent !== name, first);
    await page.keyboard.press('k');
    await page.waitForFunction((name) => document.querySelector('.row.open .row-name')?.textContent === name, first);
    await page.keyboard.press('/');
    await page.keyboard.type(mark);
    await desk.row(mark).waitFor();
    await page.waitForFunction(() => document.querySelectorAll('.row').length === 1);
  });

  flow('becomes away, and finds every action by Ctrl-K', async ({ page }) => {
    await page.locator('[data-rail=me]').click();
    await page.locator('.popover [role=menuitemradio]').filter({ hasText: words.away }).first().click();
    await page.locator('.rail-state').filter({ hasText: words.away }).waitFor();
    await page.keyboard.press('Control+k');
    await page.locator('.palette input').fill(language === 'fr' ? 'preferences' : 'Preferences');
    await page.keyboard.press('Enter');
    await page.locator('.sheet h1').waitFor();
    await page.locator('select').nth(1).selectOption({ label: words.dark });
    await page.waitForFunction(() => document.documentElement.dataset.theme === 'dark');
    await page.locator('select').nth(1).selectOption('system');
    await page.waitForFunction(() => document.documentElement.dataset.theme === 'system');
  });

  flow('takes up a resolved conversation again', async ({ server, desk, page }) => {
    const id = await fresh(server, 'Again');
    await desk.show(id);
    await page.keyboard.press('e');
    await page.locator('.queues a').filter({ hasText: words.resolved }).click();
    await desk.row(`Again ${language}`).first().click();
    await page.getByRole('button', { name: words.back }).click();
    await page.locator('.badge.queue-new').first().waitFor();
  });
}
