// For auditors: searching the trail, exporting what was found, and replaying a conversation step by step.

import { audit } from '../endpoints.js';
import { fill, h } from '../dom.js';
import { icon } from '../icons.js';
import { exact, hasText, second, t, tSlug } from '../i18n.js';
import { problemText } from '../problems.js';
import { address, go } from '../router.js';
import { state } from '../store.js';
import { auditActor, auditText } from '../components/audit-line.js';
import { placeholder, skeleton } from '../components/chips.js';
import { tell } from '../components/toast.js';
import { keyPanel, proofButton } from '../components/proof-check.js';
import { pastPanel } from '../components/past.js';
import { replayView } from '../components/replay.js';

/** @typedef {import('../types.js').AuditEntry} AuditEntry */

const ACTIONS = [
  'conversation_started', 'message_received', 'message_refused', 'reply_sent', 'delivery_failed', 'assigned', 'unassigned', 'pended', 'resolved', 'bulk_resolved', 'returned_to_new', 'note_added', 'note_edited', 'note_deleted',
  'message_masked', 'note_masked', 'attachment_masked', 'message_liked', 'thread_blocked', 'thread_unblocked', 'topic_added', 'topic_removed', 'priority_changed', 'locked', 'lock_released', 'lock_taken_over',
  'contact_blocked', 'contact_forgotten', 'signed_in', 'signed_out', 'availability_changed', 'data_read', 'erasure_completed', 'state_digested', 'log_moved', 'gateway_admitted', 'gateway_dismissed',
];
const EXPORT_PAGES_MAX = 200;
/** Pages looked through where nothing fits; the next one is a button away. */
const EMPTY_PAGES_MAX = 20;
/** How long before a line the act may have begun that it belongs to. */
const AROUND_MS = 3600e3;

/** @param {AbortSignal} signal */
export function auditPage(signal) {
  /** @type {AuditEntry[]} */
  let entries = [];
  /** @type {string|null} */
  let next = null;
  /** @type {Record<string, string>} */
  let query = {};
  const form = h('form', { class: 'audit-form', onSubmit: (/** @type {Event} */ e) => (e.preventDefault(), apply()) });
  const results = h('div', { class: 'card flush' });
  const replay = h('div', { hidden: true });
  const element = h('div', { class: 'sheet wide' }, h('h1', { tabIndex: -1 }, t('audit.title')), h('p', { class: 'muted' }, t('audit.intro')), form, keyPanel(), pastPanel(signal), replay, results);

  /** @param {import('../router.js').Route} route */
  function update(route) {
    const { replay: replayed, ...rest } = route.query;
    query = rest;
    drawForm();
    read();
    replay.hidden = !replayed;
    if (replayed) fill(replay, replayView(replayed, signal));
    else fill(replay);
  }

  function drawForm() {
    const choice = (/** @type {string} */ name, /** @type {string} */ label, /** @type {{id: string, name: string}[]} */ options) =>
      h('label', { class: 'field' }, h('span', null, label), h('select', { name }, h('option', { value: '' }, t('audit.any')), options.map((o) => h('option', { value: o.id, selected: o.id === query[name] }, o.name))));
    const input = (/** @type {string} */ name, /** @type {string} */ label, type = 'text') => h('label', { class: 'field' }, h('span', null, label), h('input', { name, type, value: type === 'datetime-local' ? local(query[name]) : (query[name] ?? ''), autocomplete: 'off', spellcheck: 'false' }));
    fill(
      form,
      choice('actor', t('audit.actor'), state.reference.agents.map((a) => ({ id: a.id, name: a.name }))),
      choice('action', t('audit.action'), ACTIONS.map((id) => ({ id, name: hasText(`audit.${id}`) ? `${id.replaceAll('_', ' ')}` : id }))),
      input('from', t('audit.from'), 'datetime-local'),
      input('to', t('audit.until'), 'datetime-local'),
      input('conversation', t('audit.conversation')),
      input('contact', t('audit.contact')),
      h('div', { class: 'audit-buttons' }, h('button', { type: 'submit', class: 'primary' }, icon('search'), t('audit.search')), h('button', { type: 'button', onClick: exportCsv }, icon('copy'), t('audit.export'))),
    );
  }

  /** An instant as the field for local time wants it. @param {string|undefined} at */
  function local(at) {
    if (!at) return '';
    const date = new Date(at);
    return new Date(date.getTime() - date.getTimezoneOffset() * 60e3).toISOString().slice(0, 16);
  }

  function apply() {
    const values = Object.fromEntries([...new FormData(form)].map(([name, value]) => [name, String(value).trim()]));
    for (const name of ['from', 'to']) if (values[name]) values[name] = new Date(values[name]).toISOString();
    const where = address(['audit'], values);
    if (where === location.hash) read();
    else go(where);
  }

  async function read() {
    fill(results, skeleton(5));
    try {
      let page = await audit.search({ ...query, limit: 50 });
      for (let read = 1; !page.entries.length && page.next && read < EMPTY_PAGES_MAX; read++) page = await audit.search({ ...query, limit: 50, cursor: page.next });
      entries = page.entries;
      next = page.next;
      draw();
    } catch (error) {
      fill(results, placeholder('warn', t('list.failed'), problemText(error)));
    }
  }

  async function more() {
    try {
      const page = await audit.search({ ...query, limit: 50, cursor: next });
      entries = [...entries, ...page.entries];
      next = page.next;
      draw();
    } catch (error) {
      tell(problemText(error), 'error');
    }
  }

  function draw() {
    if (!entries.length && !next) return fill(results, placeholder('audit', t('audit.none')));
    const head = /** @type {const} */ (['audit.when', 'audit.who', 'audit.what', 'audit.on']);
    fill(
      results,
      h(
        'div',
        { class: 'table-box', tabIndex: 0, role: 'region', 'aria-label': t('audit.title') },
        h('table', { class: 'table' }, h('thead', null, h('tr', null, head.map((key) => h('th', { scope: 'col' }, t(key))), h('th', { scope: 'col' }, t('audit.prove')))), h('tbody', null, entries.map(line))),
      ),
      next && h('button', { type: 'button', class: 'quiet wide', onClick: more }, t('more')),
    );
  }

  /** @param {AuditEntry} entry */
  function line(entry) {
    const id = entry.object.id ?? '';
    const replayed = entry.object.kind === 'conversation' ? id : query.conversation;
    return h(
      'tr',
      null,
      h('td', { class: 'nowrap' }, h('time', { datetime: entry.recorded_at, title: exact(entry.recorded_at) }, second(entry.recorded_at))),
      h('td', null, h('bdi', null, auditActor(entry))),
      h('td', null, auditText(entry)),
      h(
        'td',
        { class: 'nowrap' },
        h('span', { class: 'muted', title: id }, `${tSlug('object', entry.object.kind)} `, entry.object.name ? h('bdi', null, entry.object.name) : h('code', null, id.slice(0, 8))),
        replayed && h('a', { class: 'button-link', href: address(['audit'], { ...query, replay: replayed }) }, icon('play'), t('audit.replay')),
        entry.correlation !== entry.command && h('a', { class: 'button-link', href: address(['audit'], { correlation: entry.correlation, from: new Date(Date.parse(entry.at) - AROUND_MS).toISOString() }), title: t('audit.whole-act-explained') }, t('audit.whole-act')),
      ),
      h('td', null, proofButton(entry)),
    );
  }

  async function exportCsv() {
    try {
      const lines = ['position,recorded_at,at,actor_kind,actor_id,actor,action,object_kind,object_id,details,cause,correlation,command'];
      /** @type {string|null} */
      let cursor = null;
      for (let page = 0; page < EXPORT_PAGES_MAX; page++) {
        const found = await audit.search({ ...query, limit: 200, cursor });
        for (const e of found.entries) lines.push([e.position, e.recorded_at, e.at, e.actor.kind, e.actor.id, e.actor.name, e.action, e.object.kind, e.object.id, JSON.stringify(e.details), e.cause, e.correlation, e.command].map(cell).join(','));
        cursor = found.next;
        if (!cursor) break;
      }
      const url = URL.createObjectURL(new Blob([lines.join('\r\n')], { type: 'text/csv' }));
      h('a', { href: url, download: 'clew-audit.csv' }).click();
      setTimeout(() => URL.revokeObjectURL(url), 1000);
    } catch (error) {
      tell(problemText(error), 'error');
    }
  }

  return { element, update };
}

/** A cell that no spreadsheet takes for a formula. @param {unknown} value */
function cell(value) {
  const text = value === null || value === undefined ? '' : String(value);
  return `"${(/^[=+\-@\t\r]/.test(text) ? `'${text}` : text).replaceAll('"', '""')}"`;
}
