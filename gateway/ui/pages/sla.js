// For supervisors: which promises are broken and which are due next, live, and how many were kept over a period.

import { sla } from '../endpoints.js';
import { debounce, fill, h, keyed } from '../dom.js';
import { exact, number, t, tSlug } from '../i18n.js';
import { problemText } from '../problems.js';
import { address, go } from '../router.js';
import { on, state } from '../store.js';
import { contactName, placeholder, skeleton, slaClock } from '../components/chips.js';
import { slaHistory } from '../components/sla-history.js';

/** @typedef {import('../types.js').SlaClock} SlaClock */
/** @typedef {import('../types.js').SlaSummary} SlaSummary */

const ROWS = 50;
const ROWS_MAX = 200;
const SCOPES = /** @type {const} */ (['queue', 'channel', 'team', 'policy']);
/** Many changes that come together are read once. */
const READ_AGAIN_AFTER_MS = 300;

/** @param {AbortSignal} signal */
export function slaPage(signal) {
  /** @type {SlaSummary|null} */
  let summary = null;
  /** @type {Record<string, string>} */
  let scope = {};
  /** @type {ReturnType<typeof setTimeout>|undefined} */
  let untilDue;
  const figures = h('div', { class: 'figures' });
  const chooser = h('select', { onChange: () => go(address(['sla'], chosen()), true) });
  const late = list('sla.late-now', 'sla.nothing-late');
  const next = list('sla.due-next', 'sla.nothing-due');
  const spread = h('div', { class: 'table-box', tabIndex: 0, role: 'region', 'aria-label': t('sla.spread') });
  const history = slaHistory(signal, name);
  const element = h(
    'div',
    { class: 'sheet wide' },
    h('h1', { tabIndex: -1 }, t('page.sla')),
    figures,
    h('label', { class: 'field inline' }, h('span', null, t('sla.only')), chooser),
    h('div', { class: 'two' }, late.element, next.element),
    h('section', { class: 'card flush' }, h('h2', { class: 'card-title' }, t('sla.spread')), spread),
    history.element,
  );

  /** @param {import('../router.js').Route} route */
  function update(route) {
    scope = Object.fromEntries(SCOPES.filter((s) => route.query[s]).map((s) => [s, route.query[s]]));
    for (const one of [late, next]) fill(one.state, skeleton(3));
    refresh();
    history.refresh();
  }

  async function refresh() {
    const wanted = scope;
    try {
      const [told, breached, due] = await Promise.all([sla.summary(), sla.clocks('breached', wanted, late.rows()), sla.clocks('due', wanted, next.rows())]);
      if (signal.aborted || wanted !== scope) return;
      summary = told;
      drawFigures();
      drawChooser();
      drawSpread();
      late.draw(breached);
      next.draw(due);
      waitForDue(due.items[0]);
    } catch (error) {
      if (signal.aborted || wanted !== scope) return;
      for (const one of [late, next]) fill(one.state, placeholder('warn', t('list.failed'), problemText(error), h('button', { type: 'button', onClick: refresh }, t('retry'))));
    }
  }

  /** What is due first changes its list at that instant, whatever else happens. @param {SlaClock|undefined} first */
  function waitForDue(first) {
    clearTimeout(untilDue);
    if (!first?.due_at) return;
    const ahead_ms = Date.parse(first.due_at) - Date.now() + 50;
    if (ahead_ms < 2 ** 31) untilDue = setTimeout(refresh, Math.max(ahead_ms, 1000));
  }

  function drawFigures() {
    const sum = (/** @type {'breached'|'due_soon'} */ what) => (summary?.channels ?? []).reduce((all, one) => all + one[what], 0);
    const figure = (/** @type {number} */ value, /** @type {import('../i18n.js').Key} */ key) => h('div', { class: 'figure' }, h('strong', null, number(value)), h('span', { class: 'muted' }, t(key)));
    fill(figures, figure(sum('breached'), 'sla.kpi-late'), figure(sum('due_soon'), 'sla.kpi-soon'));
  }

  function drawChooser() {
    chooser.setAttribute('aria-label', t('sla.only'));
    const option = (/** @type {string} */ kind, /** @type {string} */ id) => h('option', { value: `${kind}:${id}`, selected: scope[kind] === id }, name(kind, id));
    const group = (/** @type {typeof SCOPES[number]} */ kind, /** @type {string[]} */ ids) => ids.length > 0 && h('optgroup', { label: t(`sla.by-${kind}`) }, ids.map((id) => option(kind, id)));
    fill(
      chooser,
      h('option', { value: '' }, t('sla.everything')),
      group('queue', ['new', 'pending']),
      group('channel', (summary?.channels ?? []).map((c) => c.channel)),
      group('team', (summary?.teams ?? []).map((x) => x.team)),
      group('policy', (summary?.policies ?? []).map((p) => p.policy)),
    );
  }

  /** What is chosen, as a query. */
  function chosen() {
    const [kind, ...id] = chooser.value.split(':');
    return kind ? { [kind]: id.join(':') } : {};
  }

  /** How one of a kind is called. @param {string} kind @param {string|null} id */
  function name(kind, id) {
    if (kind === 'queue') return tSlug('queue', id ?? '');
    if (kind === 'metric') return tSlug('sla', id ?? '');
    if (kind === 'policy') return summary?.policies.find((p) => p.policy === id)?.name ?? t('sla.former');
    const known = kind === 'team' ? state.reference.teams : state.reference.channels;
    return known.find((x) => x.id === id)?.name ?? t(kind === 'team' && !id ? 'sla.no-team' : 'sla.former');
  }

  function drawSpread() {
    if (!summary) return;
    const { queues, channels, teams, policies, counted_max } = summary;
    /** @type {[string, string, {breached: number, due_soon: number}][]} */
    const lines = [
      ...(queues ? /** @type {const} */ (['new', 'pending']).map((q) => /** @type {[string, string, any]} */ (['queue', q, queues[q]])) : []),
      ...channels.map((c) => /** @type {[string, string, any]} */ (['channel', c.channel, c])),
      ...teams.map((x) => /** @type {[string, string, any]} */ (['team', x.team, x])),
      ...policies.map((p) => /** @type {[string, string, any]} */ (['policy', p.policy, p])),
    ];
    const shown = lines.filter(([kind, , n]) => kind === 'queue' || n.breached || n.due_soon);
    const count = (/** @type {number} */ n) => (n >= counted_max ? `${number(n)}+` : number(n));
    const head = /** @type {const} */ (['sla.what', 'name', 'sla.kpi-late', 'sla.kpi-soon']);
    fill(
      spread,
      h(
        'table',
        { class: 'table' },
        h('thead', null, h('tr', null, head.map((key) => h('th', { scope: 'col' }, t(key))))),
        h('tbody', null, shown.map(([kind, id, n]) => h('tr', null, h('td', { class: 'muted' }, tSlug('sla.by', kind)), h('th', { scope: 'row' }, h('a', { href: address(['sla'], { [kind]: id }) }, h('bdi', null, name(kind, id)))), h('td', { class: 'number' }, count(n.breached)), h('td', { class: 'number' }, count(n.due_soon))))),
      ),
    );
  }

  /** A list of clocks. @param {import('../i18n.js').Key} title @param {import('../i18n.js').Key} empty */
  function list(title, empty) {
    const body = h('tbody');
    const head = /** @type {const} */ (['sla.contact', 'sla.promise', 'sla.owner', 'sla.time']);
    const table = h('table', { class: 'table', hidden: true }, h('thead', null, h('tr', null, head.map((key) => h('th', { scope: 'col' }, t(key))))), body);
    const stateBox = h('div');
    let rows = ROWS;
    /** @type {Map<string, () => void>} */
    const clocks = new Map();
    on('tick', () => clocks.forEach((refreshClock) => refreshClock()), signal);

    /** @param {SlaClock} it */
    function row(it) {
      const clock = slaClock({ metric: it.metric, due_at: it.due_at ?? '', warn_at: it.warned_at ?? it.due_at ?? '', state: it.colour });
      clocks.set(key(it), clock.refresh);
      const channel = state.reference.channels.find((c) => c.id === it.channel);
      const owner = it.assignee?.agent?.name ?? it.assignee?.team?.name;
      return h(
        'tr',
        null,
        h('th', { scope: 'row' }, h('a', { href: address(['conversation', it.conversation]) }, h('bdi', null, contactName(it.contact))), h('small', { class: 'muted block' }, [channel?.name, it.queue && tSlug('queue', it.queue)].filter(Boolean).join(' · '))),
        h('td', null, tSlug('sla', it.metric), h('small', { class: 'muted block' }, name('policy', it.policy))),
        h('td', null, owner ? h('bdi', null, owner) : h('span', { class: 'muted' }, t('assign.nobody'))),
        h('td', { class: 'nowrap', title: it.due_at ? exact(it.due_at) : null }, clock.element),
      );
    }
    const key = (/** @type {SlaClock} */ it) => `${it.conversation}-${it.metric}`;

    return {
      element: h('section', { class: 'card flush' }, h('h2', { class: 'card-title' }, t(title)), h('div', { class: 'table-box', tabIndex: 0, role: 'region', 'aria-label': t(title) }, table, stateBox)),
      state: stateBox,
      rows: () => rows,
      /** @param {{items: SlaClock[], next: string|null}} page */
      draw({ items, next: beyond }) {
        const known = new Set(items.map(key));
        for (const gone of [...clocks.keys()].filter((k) => !known.has(k))) clocks.delete(gone);
        keyed(body, items, (it) => ({ key: key(it), same: JSON.stringify([{ ...it, left_s: 0 }, name('policy', it.policy)]) }), row);
        table.hidden = items.length === 0;
        const more = () => ((rows = Math.min(rows * 2, ROWS_MAX)), refresh());
        fill(stateBox, items.length === 0 && placeholder('check', t(empty)), beyond !== null && rows < ROWS_MAX && h('div', { class: 'list-more' }, h('button', { type: 'button', onClick: more }, t('more'))));
      },
    };
  }

  const refreshSoon = debounce(refresh, READ_AGAIN_AFTER_MS);
  on('conversation-changed', refreshSoon, signal);
  on('contact-changed', refreshSoon, signal);
  on('reference', refreshSoon, signal);
  on('connection', () => state.connection === 'live' && refreshSoon(), signal);
  signal.addEventListener('abort', () => clearTimeout(untilDue));
  return { element, update };
}
