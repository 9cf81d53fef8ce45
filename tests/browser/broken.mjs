// The connection goes, the server dies: nothing is lost, nothing is doubled.

import assert from 'node:assert/strict';
import { Desk, test, unique } from './harness.mjs';

const CHAT = 'Chat nimbus.example';

test('a lost connection says so, and resumes without a gap', async ({ browser, server }) => {
  const noah = await Desk.open(browser, server, 'noah');
  const handle = `cut-${unique()}`;
  const id = await server.incoming(CHAT, handle, 'Before the cut', 'Cut Contact');
  await noah.show(id);
  await noah.context.setOffline(true);
  await noah.page.locator('.connection').waitFor();
  await server.incoming(CHAT, handle, 'During the cut', 'Cut Contact');
  await noah.context.setOffline(false);
  await noah.page.locator('.connection').waitFor({ state: 'hidden' });
  await noah.message('During the cut').waitFor();
  await noah.close();
});

test('a reply sent while the server is killed is kept, tried again, and there once', async ({ browser, server }) => {
  const noah = await Desk.open(browser, server, 'noah');
  const id = await server.incoming(CHAT, `kill-${unique()}`, 'Will you survive?', 'Kill Contact');
  await noah.show(id);
  await noah.write('We will survive');
  await server.kill();
  await noah.page.keyboard.press('Control+Enter');
  await noah.page.locator('.message.failed').filter({ hasText: 'We will survive' }).waitFor();
  await server.run();
  await noah.page.locator('.connection').waitFor({ state: 'hidden' });
  await noah.page.locator('.message.failed .link').first().click();
  await noah.page.locator('.message.failed').waitFor({ state: 'detached' });
  await noah.page.locator('.message.sending').waitFor({ state: 'detached' });
  await noah.page.reload();
  await noah.message('We will survive').waitFor();
  assert.equal(await noah.message('We will survive').count(), 1);
  await noah.close();
});
