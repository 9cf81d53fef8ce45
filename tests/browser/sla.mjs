// Service levels: opening hours and policies set up and tried by an admin, then seen live by a supervisor.

import assert from 'node:assert/strict';
import { Desk, test } from './harness.mjs';

const CHAT = 'Chat nimbus.example';
const SHOTS = process.env.CLEW_TEST_SHOTS;

/** Fills the field of the open window with this label. */
async function field(desk, label, value) {
  await desk.page.locator('dialog[open] label.field').filter({ has: desk.page.getByText(label, { exact: true }) }).locator('input').fill(value);
}

async function save(desk) {
  await desk.page.locator('dialog[open] button[type=submit]').click();
  await desk.page.locator('dialog[open]').waitFor({ state: 'detached' });
}

test('sla: opening hours and a policy are set up, put in order and tried', async ({ browser, server }) => {
  const desk = await Desk.open(browser, server, 'ada');
  const { page } = desk;
  await page.goto('/#/admin/calendars');
  await page.getByRole('button', { name: 'Add' }).click();
  await field(desk, 'Name', 'Shop hours');
  await field(desk, 'Time zone', 'Europe/Paris');
  await page.locator('dialog[open] textarea').first().fill('2026-12-25 Christmas');
  await page.screenshot({ path: `${SHOTS}/sla-calendar.png` });
  await save(desk);
  await page.locator('.table tbody th').filter({ hasText: 'Shop hours' }).waitFor();

  await page.goto('/#/admin/sla-policies');
  await page.getByRole('button', { name: 'Add' }).click();
  await field(desk, 'Name', 'Half an hour');
  await field(desk, 'Next reply within (minutes)', '30');
  await page.locator('dialog[open] select').filter({ hasText: 'Shop hours' }).selectOption({ label: 'Shop hours' });
  await page.screenshot({ path: `${SHOTS}/sla-policy.png` });
  await save(desk);
  const named = page.locator('.table tbody tr').filter({ hasText: 'Half an hour' });
  await named.waitFor();
  assert.ok(await page.locator('.table tbody tr').last().textContent().then((text) => text.includes('Half an hour')), 'a new policy is tried last');

  const more = async (choice) => {
    await named.getByRole('button', { name: /More/ }).click();
    await desk.choose(choice);
  };
  await more('Try it earlier');
  await page.waitForFunction(() => !document.querySelector('.table tbody tr:last-child')?.textContent?.includes('Half an hour'));

  await more('Try it on a message');
  // 16:45 on a Friday in Paris: the browser's own clock is where the test runs, so the instant is given in its zone.
  const local = await page.evaluate(() => {
    const at = new Date('2026-11-20T15:45:00Z');
    return new Date(at.getTime() - at.getTimezoneOffset() * 60e3).toISOString().slice(0, 16);
  });
  await page.locator('dialog[open] input[type=datetime-local]').fill(local);
  await page.locator('dialog[open] input[type=checkbox]').check();
  await page.locator('dialog[open] button[type=submit]').click();
  const due = await page.evaluate(() => new Intl.DateTimeFormat(navigator.languages.find((l) => l.startsWith('en')) ?? 'en', { dateStyle: 'medium', timeStyle: 'short' }).format(new Date('2026-11-23T08:15:00Z')));
  await page.locator('dialog[open] dd').filter({ hasText: due }).waitFor();
  await page.screenshot({ path: `${SHOTS}/sla-tried.png` });
  await page.keyboard.press('Escape');

  await named.getByRole('button', { name: /More/ }).click();
  await desk.choose('Remove');
  await page.locator('dialog[open] button.danger').click();
  await named.waitFor({ state: 'detached' });
  await desk.close();
});

test('sla: a wrong time is refused and the window stays', async ({ browser, server }) => {
  const desk = await Desk.open(browser, server, 'ada');
  await desk.page.goto('/#/admin/calendars');
  await desk.page.getByRole('button', { name: 'Add' }).click();
  await field(desk, 'Name', 'Impossible');
  await field(desk, 'Monday', '9h-17h');
  await desk.page.locator('dialog[open] button[type=submit]').click();
  await desk.page.locator('dialog[open] .form-error:not([hidden])').waitFor();
  await desk.page.keyboard.press('Escape');
  await desk.close();
});

test('sla: what is late and due next is seen live, in both languages', async ({ browser, server }) => {
  const desk = await Desk.open(browser, server, 'ada', { bypassCSP: true });
  const { page } = desk;
  await page.goto('/#/sla');
  await page.locator('.sheet h1').waitFor();
  await page.locator('.table').first().waitFor();
  const name = `Waiting ${Date.now()}`;
  const conversation = await server.incoming(CHAT, `sla-${Date.now()}`, 'How long will this take?', name);
  const row = page.locator('tr').filter({ hasText: name }).first();
  const more = page.getByRole('button', { name: 'Show more' });
  await row.or(more.first()).first().waitFor();
  if (await more.count()) await more.last().click();
  await row.waitFor();
  assert.equal(await row.locator('.sla').count(), 1, 'with its clock');
  assert.deepEqual(await desk.violations(), []);
  await page.screenshot({ path: `${SHOTS}/sla-now.png`, fullPage: true });
  await page.locator('select').first().selectOption({ label: CHAT });
  await page.waitForFunction(() => location.hash.includes('channel='));
  await row.waitFor();

  await desk.show(conversation);
  await desk.write('Soon!');
  await page.keyboard.press('Control+Enter');
  await desk.message('Soon!').waitFor();
  await page.goto('/#/sla');
  await page.locator('.table').first().waitFor();
  await desk.close();

  const ada = await server.as('ada');
  const { preferences } = await ada('GET', '/v1/me');
  await ada('PUT', '/v1/me/preferences', { ...preferences, language: 'fr' });
  const french = await Desk.open(browser, server, 'ada', { locale: 'fr-FR' });
  await french.page.goto('/#/sla');
  await french.page.getByRole('heading', { name: 'En retard' }).waitFor();
  await french.page.screenshot({ path: `${SHOTS}/sla-now-fr.png`, fullPage: true });
  await french.close();
  await ada('PUT', '/v1/me/preferences', preferences);
});

test('sla: the queue is ordered by what is due soonest', async ({ browser, server }) => {
  const desk = await Desk.open(browser, server, 'ada');
  await desk.page.goto('/#/desk/new?order=due');
  await desk.page.locator('.row').first().waitFor();
  const dues = await desk.page.evaluate(async () => {
    const { rows } = await (await fetch('/v1/queues/new?order=due&limit=100')).json();
    return { told: rows.map((r) => r.id), due: rows.map((r) => r.sla?.due_at ?? '9') };
  });
  assert.deepEqual(dues.due, [...dues.due].sort());
  const shown = await desk.page.locator('.row-link').evaluateAll((links) => links.map((a) => a.getAttribute('href')));
  assert.ok(shown.every((href, index) => href.includes(dues.told[index])), 'as the server orders it');
  await desk.close();
});
