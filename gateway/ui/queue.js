// The list that is open: its filters, the rows read so far, and what an event changes in them. Draws nothing.

import { feedBegins } from './api.js';
import { queues } from './endpoints.js';
import { debounce } from './dom.js';
import { emit, ownId, state } from './store.js';

/** @typedef {import('./types.js').Row} Row */
/** @typedef {import('./types.js').Filters} Filters */

const PAGE = 100;

export const list = {
  /** @type {import('./types.js').QueueName} */ queue: 'new',
  /** @type {Filters} */ filters: {},
  /** @type {Row[]} */ rows: [],
  /** @type {string|null} */ next: null,
  total: 0,
  loading: false,
  /** @type {unknown} */ error: null,
};

/** @type {AbortController|null} */
let reading = null;
/** The last reading of the first page. */
let firstRead = Promise.resolve();
/** What events told while a read was on its way: its answer may be from before them. @type {Map<string, Row|null>} */
const meanwhile = new Map();

/** The filters in force. @returns {Filters} */
export const currentFilters = () => list.filters;

/** Whether any filter but the order is set. */
export const isFiltered = () => Object.entries(list.filters).some(([name, value]) => name !== 'order' && value);

/** Shows that queue under those filters. @param {import('./types.js').QueueName} queue @param {Filters} filters */
export function openList(queue, filters) {
  const same = list.queue === queue && JSON.stringify(list.filters) === JSON.stringify(filters);
  if (same && (list.rows.length || list.loading)) return;
  list.queue = queue;
  list.filters = filters;
  list.rows = [];
  list.next = null;
  list.total = 0;
  firstRead = readFirst();
}

/** Answers when the first page of the list that was opened last is there, or can't be read. */
export const listRead = () => firstRead;

/** Reads the list afresh, keeping what is shown until the answer is there. */
export const reloadList = debounce(() => readFirst(), 50);

async function readFirst() {
  reading?.abort();
  const mine = (reading = new AbortController());
  const early = !feedBegins();
  list.loading = true;
  list.error = null;
  emit('list');
  try {
    const limit = Math.min(Math.max(PAGE, list.rows.length), 200);
    const page = await queues.rows(list.queue, list.filters, null, limit, mine.signal);
    // Asked for together with the session, it may be from before the place from which the feed goes on.
    if (early && page.position !== feedBegins()) reloadList();
    list.rows = page.rows;
    list.next = page.next;
    list.total = page.total;
  } catch (error) {
    if (mine.signal.aborted) return;
    list.error = error;
  }
  ended();
}

function ended() {
  list.loading = false;
  const changes = [...meanwhile];
  meanwhile.clear();
  for (const [id, row] of changes) patchRow(id, row);
  emit('list');
}

/** Reads the next page, if there is one. */
export async function readMore() {
  if (list.loading || !list.next) return;
  const mine = reading ?? new AbortController();
  list.loading = true;
  emit('list');
  try {
    const page = await queues.rows(list.queue, list.filters, list.next, PAGE, mine.signal);
    const known = new Set(list.rows.map((r) => r.id));
    list.rows = [...list.rows, ...page.rows.filter((r) => !known.has(r.id))];
    list.next = page.next;
    list.total = page.total;
  } catch (error) {
    if (mine.signal.aborted) return;
    list.error = error;
    list.next = null;
  }
  ended();
}

/**
 * Puts a changed row where it belongs now, or takes it out.
 * @param {string} id @param {Row|null} row
 */
export function patchRow(id, row) {
  if (list.loading) meanwhile.set(id, row);
  if (list.loading && !list.rows.length) return;
  const index = list.rows.findIndex((r) => r.id === id);
  if (index >= 0 && row && list.rows[index].version > row.version) return;
  if (row && list.filters.text && belongs({ ...row })) return reloadList();
  const rows = list.rows.slice();
  if (index >= 0) rows.splice(index, 1);
  const isIn = row !== null && belongs(row);
  if (isIn) {
    const compare = orders[order()];
    let place = rows.findIndex((other) => compare(row, other) < 0);
    if (place < 0) place = rows.length;
    const beyond = place === rows.length && list.next !== null;
    if (!beyond) rows.splice(place, 0, row);
  }
  list.total = Math.max(0, list.total + (isIn ? 1 : 0) - (index >= 0 ? 1 : 0));
  list.rows = rows;
  emit('list');
}

/** The order in force. */
export function order() {
  return list.filters.order || (list.queue === 'new' ? 'priority' : 'newest');
}

/** @param {string|null|undefined} at */
const instant = (at) => (at ? Date.parse(at) : Number.MAX_SAFE_INTEGER);

/** @type {Record<string, (a: Row, b: Row) => number>} */
const orders = {
  priority: (a, b) => b.priority - a.priority || instant(a.waiting_since) - instant(b.waiting_since),
  newest: (a, b) => instant(b.updated_at) - instant(a.updated_at),
  oldest: (a, b) => instant(a.updated_at) - instant(b.updated_at),
  due: (a, b) => instant(a.sla?.due_at) - instant(b.sla?.due_at),
};

/** Whether the filters let a row through (the text filter is the server's alone). @param {Row} row */
function belongs(row) {
  const { channel, team, assignee, topic } = list.filters;
  if (row.queue !== list.queue) return false;
  if (channel && row.channel.id !== channel) return false;
  if (team && row.assignee.team?.id !== team) return false;
  if (topic && !row.topics.some((t) => t.id === topic)) return false;
  if (assignee === 'none') return !row.assignee.agent;
  if (assignee) return row.assignee.agent?.id === (assignee === 'me' ? ownId() : assignee);
  return true;
}

/** The row beside the one of that id. @param {string|null} id @param {1|-1} step */
export function neighbour(id, step) {
  const index = list.rows.findIndex((r) => r.id === id);
  if (index < 0) return list.rows[step > 0 ? 0 : list.rows.length - 1] ?? null;
  return list.rows[index + step] ?? null;
}

/** Whether an agent is known to be the one signed in. @param {import('./types.js').Ref|null|undefined} agent */
export const isMe = (agent) => Boolean(agent && agent.id === state.me?.agent.id);
