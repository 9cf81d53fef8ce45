// How fast the screen is. Figures are printed; what is asserted holds by far on any machine, so that nothing here
// depends on who else works on it. For the figures in docs/screen.md it is run with a release build and
// `CLEW_TEST_ROWS=10000 CLEW_TEST_EVENTS=36000`.

import assert from 'node:assert/strict';
import { Desk, measured, test, unique } from './harness.mjs';

const CHAT = 'Chat nimbus.example';
const ROWS = Number(process.env.CLEW_TEST_ROWS ?? 250);
const EVENTS = Number(process.env.CLEW_TEST_EVENTS ?? 3000);
const MESSAGES = 200;
const kB = (bytes) => `${(bytes / 1000).toFixed(1)} kB`;
const ms = (value) => `${Math.round(value)} ms`;
const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

/** Brings in many messages, some at a time. */
async function bring(server, count, one) {
  for (let from = 0; from < count; from += 16) await Promise.all(Array.from({ length: Math.min(16, count - from) }, (_, i) => one(from + i)));
}

test('speed: the first load is small and soon usable', async ({ browser, server }) => {
  const usable = [];
  let bytes = 0;
  for (let run = 0; run < 5; run++) {
    const desk = await Desk.open(browser, server, null, { built: true });
    await desk.context.addCookies(await server.cookies('noah'));
    const wire = await desk.context.newCDPSession(desk.page);
    await wire.send('Network.enable');
    bytes = 0;
    wire.on('Network.loadingFinished', (event) => (bytes += event.encodedDataLength));
    await desk.page.addInitScript(() => {
      new MutationObserver((_, observer) => {
        if (!document.querySelector('.row')) return;
        observer.disconnect();
        const { responseEnd } = /** @type {PerformanceNavigationTiming} */ (performance.getEntriesByType('navigation')[0]);
        window.usable_ms = performance.now() - responseEnd;
      }).observe(document, { childList: true, subtree: true });
    });
    await desk.page.goto('/');
    await desk.page.waitForFunction(() => window.usable_ms);
    usable.push(await desk.page.evaluate(() => window.usable_ms));
    await desk.close();
  }
  measured('first load', `${kB(bytes)} with the API's answers, rows shown ${ms(median(usable))} after the page's response (${usable.map(ms).join(', ')})`);
  assert.ok(bytes < 150e3, `${bytes} bytes`);
  assert.ok(median(usable) < 5000);
});

test(`speed: a conversation of ${MESSAGES} messages opens at once`, async ({ browser, server }) => {
  const handle = `long-${unique()}`;
  let id = '';
  for (let n = 0; n < MESSAGES; n++) id = await server.incoming(CHAT, handle, `Message number ${n}, as long as messages of people are when they explain what happened.`, 'Long Story');
  const desk = await Desk.open(browser, server, 'noah', { built: true });
  await desk.page.locator('.row').first().waitFor();
  const shown = [];
  const whole = [];
  for (let run = 0; run < 5; run++) {
    await desk.page.evaluate(() => (location.hash = '#/desk/new'));
    await desk.page.waitForFunction(() => !document.querySelector('.timeline .message'));
    const [first, all] = await desk.page.evaluate(
      ([id, count]) =>
        new Promise((resolve) => {
          const began = performance.now();
          let first = 0;
          const see = () => {
            const there = document.querySelectorAll('.timeline .message').length;
            if (there && !first) {
              document.body.getBoundingClientRect();
              first = performance.now() - began;
            }
            if (there < count) return requestAnimationFrame(see);
            document.body.getBoundingClientRect();
            resolve([first, performance.now() - began]);
          };
          location.hash = `#/desk/new/${id}`;
          see();
        }),
      /** @type {const} */ ([id, MESSAGES]),
    );
    shown.push(first);
    whole.push(all);
  }
  measured(`opening ${MESSAGES} messages`, `what is in sight after ${ms(median(shown))} (${shown.map(ms).join(', ')}), all of them in the page after ${ms(median(whole))}`);
  assert.ok(median(whole) < 3000);
  const end = await desk.page.evaluate(() => {
    const box = /** @type {Element} */ (document.querySelector('.timeline'));
    return box.scrollHeight - box.scrollTop - box.clientHeight;
  });
  assert.ok(end < 5, 'the newest message is in sight');
  await desk.close();
});

test(`speed: a list of ${ROWS} rows scrolls with few of them in the page`, async ({ browser, server }) => {
  const mark = `row${unique()}`;
  await bring(server, ROWS, (n) => server.incoming(CHAT, `${mark}-${n}`, `${mark} ${n}`, `Row ${n}`));
  const desk = await Desk.open(browser, server, 'noah', { built: true });
  await desk.page.goto('/#/desk/new?order=newest');
  await desk.page.locator('.row').nth(5).waitFor();
  const seen = await desk.page.evaluate(
    (rows) =>
      new Promise((resolve) => {
        const list = /** @type {Element} */ (document.querySelector('.list'));
        const frames = [];
        let nodes_max = 0;
        let empty = 0;
        let before = performance.now();
        let still = 0;
        const step = () => {
          const now = performance.now();
          frames.push(now - before);
          before = now;
          nodes_max = Math.max(nodes_max, document.querySelectorAll('.row').length);
          const box = list.getBoundingClientRect();
          if (!document.elementFromPoint(box.left + 40, box.top + box.height / 2)?.closest('.row')) empty++;
          const at = list.scrollTop;
          list.scrollTop += 300;
          still = list.scrollTop === at ? still + 1 : 0;
          if (list.scrollTop / 88 > rows || still > 120) return resolve({ frames, nodes_max, empty, reached: list.scrollTop / 88 });
          requestAnimationFrame(step);
        };
        step();
      }),
    ROWS,
  );
  const frames = seen.frames.sort((a, b) => a - b);
  measured(`scrolling ${ROWS} rows`, `frame ${frames[Math.floor(frames.length / 2)].toFixed(1)} ms (median), ${frames[Math.floor(frames.length * 0.99)].toFixed(1)} ms (99th of 100), ${frames.filter((f) => f > 34).length} of ${frames.length} over 34 ms, ${seen.empty} without a row, ${seen.nodes_max} rows in the page at most`);
  assert.ok(seen.nodes_max < 60, `${seen.nodes_max} rows in the page`);
  assert.ok(seen.reached > ROWS * 0.8, `reached row ${seen.reached}`);
  await desk.close();
});

test('speed: what happens elsewhere appears here soon, and nothing jumps', async ({ browser, server }) => {
  const desk = await Desk.open(browser, server, 'noah', { built: true });
  const handle = `soon-${unique()}`;
  const id = await server.incoming(CHAT, handle, 'The first one', 'Soon Contact');
  await desk.page.goto(`/#/desk/new/${id}?order=newest`);
  await desk.message('The first one').waitFor();
  await desk.page.locator('.row.open').waitFor();
  await desk.page.evaluate(() => {
    window.shift = 0;
    window.shifted = [];
    // In the timeline what is new pushes up what is old, as it has to.
    const jumped = (entry) => entry.sources.map((s) => s.node?.parentElement ?? s.node).filter((node) => node && !node.closest('.timeline'));
    const add = (entry) => {
      if (entry.hadRecentInput || !jumped(entry).length) return;
      window.shift += entry.value;
      window.shifted.push(...jumped(entry).map((node) => node.className));
    };
    new PerformanceObserver((list) => list.getEntries().forEach(add)).observe({ type: 'layout-shift' });
  });
  const times = [];
  for (let n = 0; n < 12; n++) {
    const text = `soon ${n} ${unique()}`;
    const appears = desk.page.evaluate(
      (text) =>
        new Promise((resolve) => {
          const see = () => document.querySelector('.timeline')?.textContent?.includes(text) && document.querySelector('.rows')?.textContent?.includes(text) && (observer.disconnect(), resolve(Date.now()));
          const observer = new MutationObserver(see);
          observer.observe(document.body, { childList: true, subtree: true, characterData: true });
        }),
      text,
    );
    const sent = Date.now();
    await server.incoming(CHAT, handle, text, 'Soon Contact');
    times.push((await appears) - sent);
    await server.incoming(CHAT, `${handle}-${n}`, 'A new row', 'Another Contact');
  }
  const { shift, shifted } = await desk.page.evaluate(() => ({ shift: window.shift, shifted: window.shifted }));
  measured('an event elsewhere', `in row and conversation ${ms(median(times))} after it was sent (median of ${times.length}; ${ms(Math.max(...times))} at most), layout shift ${shift.toFixed(4)}`);
  assert.ok(median(times) < 3000);
  assert.ok(shift < 0.02, `layout shift of ${shift}: ${shifted}`);
  await desk.close();
});

test(`speed: memory stays after ${EVENTS} events`, async ({ browser, server }) => {
  const desk = await Desk.open(browser, server, null, { built: true });
  await desk.context.addCookies(await server.cookies('noah'));
  await desk.page.addInitScript(() => {
    window.EventSource = class extends EventTarget {
      constructor() {
        super();
        window.source = this;
        setTimeout(() => this.onopen?.());
      }
      close() {}
    };
  });
  const wire = await desk.context.newCDPSession(desk.page);
  const answer = desk.page.waitForResponse((r) => /\/v1\/queues\/new/.test(r.url()));
  await desk.page.goto('/');
  const { rows } = await (await answer).json();
  await desk.page.locator('.row').first().waitFor();
  const run = (count, from) =>
    desk.page.evaluate(
      async ([rows, count, from]) => {
        for (let n = from; n < from + count; n++) {
          const row = structuredClone(rows[(n * 7) % rows.length]);
          row.version += n + 1;
          row.updated_at = new Date(Date.now() + n).toISOString();
          row.unanswered = n % 5;
          if (row.last_message) row.last_message.preview = `event ${n} ${'x'.repeat(n % 80)}`;
          const tell = (name, data) => window.source.dispatchEvent(Object.assign(new Event(name), { data: JSON.stringify(data), lastEventId: `0-${n}` }));
          tell('conversation', { id: row.id, queue: row.queue, version: row.version, kinds: [], row });
          if (n % 3 === 0) tell('counts', { new: { total: n, unassigned: 1, mine: 1 }, pending: { total: 2, unassigned: 0, mine: 0 }, resolved: { total: 3, unassigned: 0, mine: 0 } });
          if (n % 5 === 0) tell('presence', { conversation: row.id, agents: n % 10 ? [{ id: 'other', name: 'Other', typing: true }] : [] });
          if (n % 10 === 0) await new Promise(requestAnimationFrame);
        }
      },
      [rows, count, from],
    );
  const heap = async () => {
    for (let turn = 0; turn < 3; turn++) await wire.send('HeapProfiler.collectGarbage');
    const [{ usedSize }, { nodes }] = [await wire.send('Runtime.getHeapUsage'), await wire.send('Memory.getDOMCounters')];
    return { usedSize, nodes };
  };
  const part = Math.ceil(EVENTS / 10);
  await run(part, 0);
  const before = await heap();
  const began = Date.now();
  await run(EVENTS - part, part);
  const took = (Date.now() - began) / (EVENTS - part);
  const after = await heap();
  measured(`${EVENTS} events`, `heap ${kB(before.usedSize)} after a tenth of them, ${kB(after.usedSize)} after all; nodes ${before.nodes} and ${after.nodes}; ${took.toFixed(2)} ms an event`);
  assert.ok(after.usedSize - before.usedSize < 3e6, `the heap grew by ${after.usedSize - before.usedSize}`);
  assert.ok(after.nodes - before.nodes < 1000, `the page grew by ${after.nodes - before.nodes} nodes`);
  await desk.close();
});
