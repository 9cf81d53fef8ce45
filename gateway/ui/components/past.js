// The desk as it was at an instant: how many conversations each queue had, the rows of one of them, who was at work.
// What was masked since stays masked; nothing here can be worked on.

import { past } from '../endpoints.js';
import { fill, h } from '../dom.js';
import { icon } from '../icons.js';
import { brief, exact, number, t } from '../i18n.js';
import { problemText } from '../problems.js';
import { address } from '../router.js';
import { placeholder, skeleton } from './chips.js';

/** @typedef {import('../types.js').QueueName} QueueName */

const QUEUES = /** @type {QueueName[]} */ (['new', 'pending', 'resolved']);
const ROWS = 50;

/** @param {AbortSignal} signal */
export function pastPanel(signal) {
  const instant = h('input', { type: 'datetime-local', name: 'at', step: '1', required: true });
  const shown = h('div', { 'aria-live': 'polite' });
  const form = h(
    'form',
    { class: 'audit-form', onSubmit: (/** @type {Event} */ e) => (e.preventDefault(), show('new')) },
    h('label', { class: 'field' }, h('span', null, t('past.at')), instant),
    h('div', { class: 'audit-buttons' }, h('button', { type: 'submit', class: 'primary' }, icon('search'), t('past.show'))),
  );

  /** @param {QueueName} queue */
  async function show(queue) {
    const at = new Date(instant.value).toISOString();
    fill(shown, skeleton(3));
    try {
      const [counts, page, agents] = await Promise.all([past.counts(at, signal), past.rows(queue, at, ROWS, signal), past.agents(at, signal)]);
      const tab = (/** @type {QueueName} */ q) => h('button', { type: 'button', 'aria-pressed': String(q === queue), onClick: () => show(q) }, t(`queue.${q}`), h('span', { class: 'segment-count' }, number(counts[q].total)));
      const present = agents.items.filter((a) => a.signed_in).map((a) => `${a.name} (${a.open_conversations})`);
      fill(
        shown,
        h('p', null, t('past.shown', { at: exact(at) }), ' ', present.length ? t('past.agents', { names: present.join(', ') }) : t('past.nobody')),
        h('div', { class: 'segments', role: 'group', 'aria-label': t('past.queue') }, QUEUES.map(tab)),
        page.rows.length ? table(page.rows) : placeholder('check', t('past.empty')),
        page.total > page.rows.length && h('p', { class: 'muted' }, t('past.more', { n: page.total - page.rows.length })),
      );
    } catch (error) {
      if (!signal.aborted) fill(shown, placeholder('warn', problemText(error)));
    }
  }

  return h('details', { class: 'card past' }, h('summary', null, t('past.title')), h('p', { class: 'muted' }, t('past.intro')), form, shown);
}

/** @param {import('../types.js').Row[]} rows */
function table(rows) {
  const head = /** @type {const} */ (['past.contact', 'past.channel', 'past.owner', 'past.last']);
  const line = (/** @type {import('../types.js').Row} */ row) =>
    h(
      'tr',
      null,
      h('th', { scope: 'row' }, h('a', { href: address(['audit'], { conversation: row.id, replay: row.id }) }, row.contact.name ?? row.contact.handle ?? t('past.forgotten'))),
      h('td', null, row.channel.name),
      h('td', null, row.assignee.agent?.name ?? row.assignee.team?.name ?? '—'),
      h('td', null, row.last_message ? (row.last_message.masked ? t('past.masked') : row.last_message.preview) : '—', ' ', h('span', { class: 'muted' }, row.last_message ? brief(row.last_message.at) : '')),
    );
  return h('div', { class: 'table-box', tabIndex: 0, role: 'region', 'aria-label': t('past.title') }, h('table', { class: 'table' }, h('thead', null, h('tr', null, head.map((key) => h('th', { scope: 'col' }, t(key))))), h('tbody', null, rows.map(line))));
}
