// What is taken out before it is stored, and what is masked later: by an administrator, and by who works.

import assert from 'node:assert/strict';
import { Desk, test } from './harness.mjs';

const CHAT = 'Chat nimbus.example';

test('redaction: a pattern is tried, added, and holds for the next message', async ({ browser, server }) => {
  const name = `Customer number ${Date.now()}`;
  const ada = await Desk.open(browser, server, 'ada');
  await ada.page.goto('/#/admin/redactions');
  await ada.page.getByLabel('Sample text (not stored)').fill('I am QK-123456 with 4111 1111 1111 1111');
  await ada.page.getByLabel('Pattern to try').fill('QK-\\d{6}');
  await ada.page.getByRole('button', { name: 'Try', exact: true }).click();
  await ada.page.locator('.redaction-outcome').filter({ hasText: 'I am [removed] with [card number removed]' }).waitFor();
  await ada.page.getByLabel('Pattern to try').fill('(');
  await ada.page.getByRole('button', { name: 'Try', exact: true }).click();
  await ada.page.locator('.redaction-outcome [role=alert]').waitFor();

  await ada.page.getByRole('button', { name: 'Add' }).click();
  await ada.page.locator('dialog').getByLabel('Name').fill(name);
  await ada.page.locator('dialog').getByLabel('Pattern').fill('QK-\\d{6}');
  await ada.page.keyboard.press('Enter');
  await ada.page.locator('tbody tr').filter({ hasText: name }).waitFor();
  await ada.show(await server.incoming(CHAT, `redacted-${Date.now()}`, 'I am QK-654321', 'Redacted Contact'));
  await ada.message('I am [removed]').waitFor();
  assert.ok(!(await ada.page.content()).includes('QK-654321'));
  await ada.close();
});
