// What a contact writes stays in its bubble, whatever it is made of.

import assert from 'node:assert/strict';
import { Desk, test, unique } from './harness.mjs';

const CHAT = 'Chat nimbus.example';
const TEXTS = {
  markup: '<script>document.title="owned"</script><img src=x onerror="document.title=\'owned\'"><style>*{display:none}</style>',
  'right to left marks': 'abc \u202E dcba \u2066 nested \u202D and more \u200F end',
  'combining characters': `z${'\u0335\u0321\u0322\u0327\u031B'.repeat(2000)} after`,
  'one huge word': 'W'.repeat(9000),
  'a link that is none': 'javascript:alert(1) https://example.org/"onmouseover="alert(1) data:text/html,<b>x</b>',
};

for (const [name, text] of Object.entries(TEXTS)) {
  test(`hostile: ${name}`, async ({ browser, server }) => {
    const plain = await server.incoming(CHAT, `plain-${unique()}`, 'A plain message', 'Plain Contact');
    const id = await server.incoming(CHAT, `hostile-${unique()}`, text, '<b onclick=alert(1)>\u202Eevil</b>');
    const noah = await Desk.open(browser, server, 'noah');
    const outside = () =>
      noah.page.evaluate(() => ['.rail', '.queue-pane', '.conversation-head', '.reply', '.contact-pane'].map((s) => {
        const { x, y, width } = /** @type {Element} */ (document.querySelector(s)).getBoundingClientRect();
        return [s, Math.round(x), s === '.reply' ? 0 : Math.round(y), Math.round(width)];
      }));
    await noah.show(plain);
    const before = await outside();
    await noah.show(id);
    await noah.page.locator('.contact-head h2').waitFor();
    assert.deepEqual(await outside(), before, 'nothing outside the bubble moved');
    const sizes = await noah.page.evaluate(() => ({ bubble: document.querySelector('.message .bubble')?.getBoundingClientRect().width ?? 0, pane: document.querySelector('.timeline')?.getBoundingClientRect().width ?? 0, page: document.documentElement.scrollWidth, window: window.innerWidth }));
    assert.ok(sizes.bubble < sizes.pane, 'the bubble is inside its pane');
    assert.equal(sizes.page, sizes.window, 'the page is not wider than the window');
    assert.doesNotMatch(await noah.page.title(), /owned/);
    assert.equal(await noah.page.locator('.bubble script, .bubble img, .bubble style, .bubble [onclick], .bubble [onmouseover]').count(), 0);
    for (const href of await noah.page.locator('.bubble a').evaluateAll((links) => links.map((a) => a.href))) assert.match(href, /^https:/);
    await noah.close();
  });
}
