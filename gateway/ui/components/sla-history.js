// How many promises were kept and broken over a period, with the share that was kept.

import { sla } from '../endpoints.js';
import { fill, h } from '../dom.js';
import { number, t } from '../i18n.js';
import { problemText } from '../problems.js';
import { placeholder, skeleton } from './chips.js';

const DAY_MS = 86400e3;
const DAYS = 30;
const BY = /** @type {const} */ (['channel', 'team', 'policy', 'metric']);

/** @param {number} ms */
const dayOf = (ms) => new Date(ms).toISOString().slice(0, 10);

/** @param {AbortSignal} signal @param {(kind: string, id: string|null) => string} name how one of a kind is called */
export function slaHistory(signal, name) {
  /** @type {import('../types.js').SlaTally[]} */
  let tallies = [];
  const from = h('input', { type: 'date', value: dayOf(Date.now() - DAYS * DAY_MS), required: true, onChange: refresh });
  const to = h('input', { type: 'date', value: dayOf(Date.now()), required: true, onChange: refresh });
  const by = h('select', { onChange: draw }, BY.map((kind) => h('option', { value: kind }, t(`sla.by-${kind}`))));
  const body = h('div', { class: 'table-box', tabIndex: 0, role: 'region', 'aria-label': t('sla.history') });
  const labelled = (/** @type {import('../i18n.js').Key} */ key, /** @type {HTMLElement} */ input) => h('label', { class: 'field inline' }, h('span', null, t(key)), input);
  const element = h('section', { class: 'card flush' }, h('h2', { class: 'card-title' }, t('sla.history')), h('div', { class: 'bulk-bar' }, labelled('sla.from', from), labelled('sla.to', to), labelled('sla.grouped', by)), body);

  async function refresh() {
    if (!from.value || !to.value) return;
    fill(body, skeleton(3));
    try {
      const period = { from: `${from.value}T00:00:00Z`, to: `${to.value}T12:00:00Z` };
      tallies = await sla.history(period);
      if (!signal.aborted) draw();
    } catch (error) {
      if (!signal.aborted) fill(body, placeholder('warn', t('list.failed'), problemText(error), h('button', { type: 'button', onClick: refresh }, t('retry'))));
    }
  }

  function draw() {
    const kind = /** @type {typeof BY[number]} */ (by.value);
    /** @type {Map<string|null, {kept: number, breached: number}>} */
    const sums = new Map();
    const all = { kept: 0, breached: 0 };
    for (const one of tallies) {
      const sum = sums.get(one[kind]) ?? { kept: 0, breached: 0 };
      sums.set(one[kind], sum);
      for (const into of [sum, all]) {
        into.kept += one.kept;
        into.breached += one.breached;
      }
    }
    if (!sums.size) return fill(body, placeholder('clock', t('sla.no-history')));
    const lines = [...sums].map(([id, sum]) => ({ name: name(kind, id), sum })).sort((a, b) => a.name.localeCompare(b.name));
    const head = /** @type {const} */ (['name', 'sla.kept', 'sla.broken', 'sla.attained']);
    fill(
      body,
      h(
        'table',
        { class: 'table' },
        h('thead', null, h('tr', null, head.map((key) => h('th', { scope: 'col' }, t(key))))),
        h('tbody', null, lines.map((line) => row(line.name, line.sum))),
        h('tfoot', null, row(t('sla.total'), all)),
      ),
    );
  }

  /** @param {string} title @param {{kept: number, breached: number}} sum */
  function row(title, { kept, breached }) {
    const percent = (kept * 100) / (kept + breached);
    return h(
      'tr',
      null,
      h('th', { scope: 'row' }, h('bdi', null, title)),
      h('td', { class: 'number' }, number(kept)),
      h('td', { class: 'number' }, number(breached)),
      h('td', { class: 'number' }, h('span', { class: 'load' }, t('sla.percent', { n: Math.floor(percent * 10) / 10 }), h('meter', { min: '0', max: '100', value: String(percent), 'aria-hidden': 'true' }))),
    );
  }

  return { element, refresh };
}
