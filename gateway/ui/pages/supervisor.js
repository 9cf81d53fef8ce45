// For supervisors: the queues with many acts at once, the breaches by due time, and how the agents are doing, live.

import { bulk, queues, reference, reports } from '../endpoints.js';
import { fill, h, randomId } from '../dom.js';
import { icon } from '../icons.js';
import { ago, duration, exact, t, tSlug } from '../i18n.js';
import { refreshCounts } from '../feed.js';
import { problemText } from '../problems.js';
import { list, openList, reloadList } from '../queue.js';
import { address, go } from '../router.js';
import { may, on, state } from '../store.js';
import { assignees, availabilityName, target } from '../components/assign.js';
import { availabilityDot, avatar } from '../components/chips.js';
import { confirm, openDialog } from '../components/dialog.js';
import { openMenu } from '../components/menu.js';
import { openPicker } from '../components/picker.js';
import { queueFilters } from '../components/queue-filters.js';
import { queueList } from '../components/queue-list.js';
import { tell } from '../components/toast.js';

const QUEUES = /** @type {const} */ (['new', 'pending', 'resolved']);
/** How often a bulk act is asked how far it is. */
const ASK_EVERY_MS = 400;

/** The time at work, state by state. @param {import('../types.js').StateTime[]} states */
const timesText = (states) => states.filter((s) => s.availability).map((s) => `${availabilityName(/** @type {import('../types.js').Availability} */ (s.availability))} ${duration(s.seconds * 1000)}`).join(' · ') || '—';

/** @param {{agent?: string|null, team?: string|null}} to */
const assignAct = (to) => (to.agent ? { assign: { kind: 'agent', id: to.agent } } : to.team ? { assign: { kind: 'team', id: to.team } } : 'unassign');

/** @param {AbortSignal} signal */
export function supervisorPage(signal) {
  /** @type {Set<string>} */
  const selection = new Set();
  /** Whether all that the filters find is meant, shown or not. */
  let whole = false;
  /** @type {Map<string, import('../types.js').StateTime[]>} */
  const times = new Map();
  const figures = h('div', { class: 'figures' });
  const tabs = h('nav', { class: 'queues', 'aria-label': t('queue.label') });
  const bar = h('div', { class: 'bulk-bar' });
  const agents = h('div', { class: 'table-box', tabIndex: 0, role: 'region', 'aria-label': t('supervisor.agents') });
  const rows = queueList({ signal, openId: () => null, selection, onSelect: drawBar, unfilter: () => go(address(['supervisor', list.queue]), true) });
  const element = h(
    'div',
    { class: 'sheet wide' },
    h('h1', { tabIndex: -1 }, t('page.supervisor')),
    figures,
    h(
      'div',
      { class: 'two' },
      h('section', { class: 'card flush bulk', 'aria-label': t('supervisor.conversations') }, tabs, queueFilters(signal, (filters) => go(address(['supervisor', list.queue], filters), true)), bar, rows.element),
      h('section', { class: 'card flush' }, h('h2', { class: 'card-title' }, t('supervisor.agents')), agents),
    ),
  );

  /** @param {import('../router.js').Route} route */
  function update(route) {
    const queue = QUEUES.find((q) => q === route.rest[0]) ?? 'new';
    whole = false;
    if (queue !== list.queue) selection.clear();
    openList(queue, route.query);
    refreshCounts();
    drawTabs();
    drawBar();
    rows.redraw();
  }

  function drawTabs() {
    fill(tabs, QUEUES.map((queue) => h('a', { class: 'queue-tab', href: address(['supervisor', queue], list.filters), 'aria-current': queue === list.queue ? 'page' : null }, h('span', null, t(`queue.${queue}`)), h('span', { class: 'queue-count' }, String(state.counts?.[queue].total ?? '')))));
    const available = state.reference.agents.filter((a) => a.availability?.kind === 'available' && a.signed_in !== false).length;
    const figure = (/** @type {number|undefined} */ value, /** @type {import('../i18n.js').Key} */ key) => h('div', { class: 'figure' }, h('strong', null, String(value ?? '–')), h('span', { class: 'muted' }, t(key)));
    fill(figures, figure(state.counts?.new.total, 'supervisor.kpi-new'), figure(state.counts?.new.unassigned, 'supervisor.kpi-unassigned'), figure(available, 'supervisor.kpi-available'));
  }

  function drawBar() {
    const all = state.counts?.[list.queue].total ?? 0;
    const n = whole ? all : selection.size;
    const more = !list.filters.text && all > list.rows.length && may('act_in_bulk');
    fill(
      bar,
      h('span', { role: 'status' }, n ? t('supervisor.selected', { n }) : t('supervisor.hint')),
      h('span', { class: 'spring' }),
      h('button', { type: 'button', class: 'quiet', onClick: selectAll }, t('supervisor.select-all')),
      more && !whole && h('button', { type: 'button', class: 'quiet', onClick: () => ((whole = true), drawBar()) }, t('supervisor.all-found', { n: all })),
      n > 0 && h('button', { type: 'button', class: 'quiet', onClick: () => ((whole = false), selection.clear(), rows.redraw(), drawBar()) }, t('supervisor.clear')),
      h('button', { type: 'button', disabled: !n || !may('act_in_bulk'), 'aria-haspopup': 'listbox', onClick: (/** @type {Event} */ e) => assign(/** @type {HTMLElement} */ (e.currentTarget)) }, icon('user'), t('supervisor.assign')),
      h('button', { type: 'button', disabled: !n || !may('act_in_bulk') || list.queue === 'resolved', 'aria-haspopup': 'menu', onClick: (/** @type {Event} */ e) => resolve(/** @type {HTMLElement} */ (e.currentTarget)) }, icon('check'), t('supervisor.resolve')),
      h('button', { type: 'button', disabled: !n || !may('act_in_bulk'), 'aria-haspopup': 'listbox', onClick: (/** @type {Event} */ e) => addTopic(/** @type {HTMLElement} */ (e.currentTarget)) }, icon('tag'), t('supervisor.topic')),
    );
  }

  function selectAll() {
    for (const row of list.rows) selection.add(row.id);
    rows.redraw();
    drawBar();
  }

  /** @param {HTMLElement} anchor */
  function assign(anchor) {
    openPicker(anchor, { label: t('assign.label'), placeholder: t('assign.search'), align: 'end', choices: assignees, pick: (choice) => run(t('supervisor.assign'), assignAct(target(choice.id))) });
  }

  /** @param {HTMLElement} anchor */
  function addTopic(anchor) {
    openMenu(anchor, t('supervisor.topic'), state.reference.topics.map((topic) => ({ label: topic.name, act: () => run(t('supervisor.topic'), { add_topic: topic.id }) })), { align: 'end' });
  }

  /** @param {HTMLElement} anchor */
  function resolve(anchor) {
    const n = whole ? (state.counts?.[list.queue].total ?? 0) : selection.size;
    openMenu(
      anchor,
      t('state.resolve-why'),
      /** @type {const} */ (['answered', 'no_reply_needed', 'spam']).map((reason) => ({
        label: tSlug('reason', reason),
        act: async () => {
          if (await confirm({ title: t('supervisor.question', { n }), text: t('supervisor.question-text'), act: t('state.resolve'), danger: false })) run(t('supervisor.resolve'), { resolve: reason });
        },
      })),
      { align: 'end' },
    );
  }

  /** Which conversations are meant: those selected, or all that the filters find. */
  function meant() {
    if (!whole) return { conversations: [...selection] };
    const { channel, team, assignee, topic } = list.filters;
    return { filter: { queue: list.queue, channel: channel || null, team: team || null, assignee: assignee || null, topic: topic || null } };
  }

  /** The server goes on with it by itself; closing the window changes nothing. @param {string} title @param {any} act */
  async function run(title, act) {
    try {
      const { bulk: id, total } = await bulk.begin({ act, ...meant() }, randomId());
      const end = await follow(title, id, total);
      for (const line of end.lines) if (line.outcome !== 'refused') selection.delete(line.conversation);
      const refused = end.lines.filter((line) => line.outcome === 'refused').length;
      tell([t('supervisor.done', { n: end.lines.length - refused }), refused ? t('supervisor.refused', { n: refused }) : '', end.cancelled ? t('supervisor.cancelled') : ''].filter(Boolean).join(' · '), refused ? 'error' : 'info');
    } catch (error) {
      tell(problemText(error), 'error');
    }
    whole = false;
    reloadList();
    refreshCounts();
    rows.redraw();
    drawBar();
  }

  /** Shows how far it is until it is over. @param {string} title @param {string} id @param {number} n */
  async function follow(title, id, n) {
    const progress = h('progress', { max: String(n), value: 0, class: 'wide', 'aria-label': title });
    const told = h('p', { role: 'status' }, t('supervisor.progress', { done: 0, n }));
    const stop = h('button', { type: 'button', onClick: () => bulk.cancel(id).catch((error) => tell(problemText(error), 'error')) }, t('cancel'));
    /** @type {() => void} */
    let close = () => {};
    openDialog({ title, class: 'narrow', body: (end) => ((close = end), [progress, told, stop]) });
    try {
      for (;;) {
        const now = await bulk.progress(id);
        progress.value = now.lines.length;
        told.textContent = t('supervisor.progress', { done: now.lines.length, n });
        if (now.ended) return now;
        await new Promise((done) => setTimeout(done, ASK_EVERY_MS));
      }
    } finally {
      close();
    }
  }

  function drawAgents() {
    drawTabs();
    const focused = document.activeElement instanceof HTMLElement && agents.contains(document.activeElement) ? document.activeElement.dataset.agent : '';
    const head = /** @type {const} */ (['supervisor.agent', 'supervisor.state', 'supervisor.since', 'supervisor.times', 'supervisor.load', 'supervisor.teams']);
    const ordered = [...state.reference.agents].sort((a, b) => Number(b.availability?.kind === 'available') - Number(a.availability?.kind === 'available') || a.name.localeCompare(b.name));
    fill(
      agents,
      h(
        'table',
        { class: 'table' },
        h('thead', null, h('tr', null, head.map((key) => h('th', { scope: 'col' }, t(key))))),
        h(
          'tbody',
          null,
          ordered.map((a) =>
            h(
              'tr',
              null,
              h('th', { scope: 'row' }, h('span', { class: 'with-icon' }, avatar(a.name, 'small'), h('bdi', null, a.name))),
              h(
                'td',
                null,
                h('button', { type: 'button', class: 'quiet', 'data-agent': a.id, 'aria-haspopup': 'menu', 'aria-label': `${availabilityName(a.availability)}. ${t('supervisor.set', { name: a.name })}`, disabled: !may('see_everyone') || !may('act_in_bulk'), onClick: (/** @type {Event} */ e) => setState(/** @type {HTMLElement} */ (e.currentTarget), a) }, availabilityDot(a.availability), availabilityName(a.availability)),
                a.signed_in === false && h('small', { class: 'muted block' }, t('supervisor.signed-out')),
              ),
              h('td', { title: a.since ? exact(a.since) : null }, a.since ? ago(a.since) : '—'),
              h('td', { class: 'muted' }, timesText(times.get(a.id) ?? [])),
              h('td', { class: 'number' }, h('span', { class: 'load' }, String(a.open_conversations ?? '–'), h('meter', { min: '0', max: '10', value: String(a.open_conversations ?? 0), 'aria-hidden': 'true' }))),
              h('td', { class: 'muted' }, (a.teams ?? []).map((x) => x.name).join(', ')),
            ),
          ),
        ),
      ),
    );
    if (focused) /** @type {HTMLElement|null} */ (agents.querySelector(`[data-agent="${CSS.escape(focused)}"]`))?.focus();
  }

  /** @param {HTMLElement} anchor @param {import('../types.js').Agent} agent */
  function setState(anchor, agent) {
    const set = async (/** @type {import('../types.js').Availability} */ availability) => {
      try {
        await reference.setAvailability(agent.id, availability);
        agent.availability = availability;
        drawAgents();
      } catch (error) {
        tell(problemText(error), 'error');
      }
    };
    openMenu(anchor, t('supervisor.set', { name: agent.name }), [
      { label: t('availability.available'), chosen: agent.availability.kind === 'available', dot: 'available', act: () => set({ kind: 'available' }) },
      { label: t('availability.away'), chosen: agent.availability.kind === 'away', dot: 'away', act: () => set({ kind: 'away' }) },
      ...state.reference.away.map((s) => ({ label: s.name, chosen: agent.availability.status === s.id, dot: 'away_for', act: () => set({ kind: 'away_for', status: s.id }) })),
    ]);
  }

  /** How the last day was spent. */
  async function readTimes() {
    const items = await reports.agentTimes().catch(() => []);
    if (signal.aborted) return;
    for (const item of items) times.set(item.agent.id, item.states);
    drawAgents();
  }

  /** Loads change with every assignment: they are read again, not guessed. */
  const every = setInterval(async () => {
    const items = await reference.list('agents').catch(() => null);
    if (!items || signal.aborted) return;
    state.reference.agents = items;
    drawAgents();
  }, 15000);
  signal.addEventListener('abort', () => clearInterval(every));

  drawAgents();
  if (may('see_everyone')) readTimes();
  on('counts', drawTabs, signal);
  on('list', drawBar, signal);
  on('agents', drawAgents, signal);
  queues.counts({}).then((counts) => ((state.counts = counts), drawTabs()), () => undefined);
  return { element, update };
}
