// The rows of a queue, windowed: however long the list, only the rows in sight are in the page.

import { afterPaint, h } from '../dom.js';
import { icon } from '../icons.js';
import { brief, t, tSlug } from '../i18n.js';
import { isFiltered, list, readMore, reloadList } from '../queue.js';
import { problemText } from '../problems.js';
import { address } from '../router.js';
import { on } from '../store.js';
import { avatar, contactName, placeholder, skeleton, slaClock } from './chips.js';

/** @typedef {import('../types.js').Row} Row */

const ROW_REM = 5.5;
const OVERSCAN = 6;

/** Whether times can be written without making the first rows wait for what the browser knows of dates. */
let timely = false;

/**
 * @param {object} options
 * @param {AbortSignal} options.signal
 * @param {() => string|null} options.openId the conversation that is open
 * @param {Set<string>} [options.selection] makes rows selectable
 * @param {() => void} [options.onSelect]
 * @param {() => void} options.unfilter takes all filters away
 */
export function queueList({ signal, openId, selection, onSelect, unfilter }) {
  const rowHeight_px = ROW_REM * parseFloat(getComputedStyle(document.documentElement).fontSize);
  const rows = h('ul', { class: 'rows', 'aria-label': t('list.label') });
  const state = h('div', { class: 'list-state' });
  // As of the last frame: asked of the element, each drawing would have the page laid out first.
  let height = 0;
  let top = 0;
  const element = h('div', { class: 'list', onScroll: () => requestAnimationFrame(scrolled) }, rows, state);
  /** @type {Map<string, {row: Row, open: boolean, element: HTMLElement, tick: () => void}>} */
  const nodes = new Map();

  function scrolled() {
    top = element.scrollTop;
    draw();
  }

  function draw() {
    top = Math.max(0, Math.min(top, list.rows.length * rowHeight_px - height));
    const first = Math.max(0, Math.floor(top / rowHeight_px) - OVERSCAN);
    const last = Math.min(list.rows.length, Math.ceil((top + (height || window.innerHeight)) / rowHeight_px) + OVERSCAN);
    rows.style.setProperty('--rows', String(list.rows.length));
    const wanted = new Set();
    for (let index = first; index < last; index++) {
      const row = list.rows[index];
      wanted.add(row.id);
      const open = row.id === openId();
      let node = nodes.get(row.id);
      if (!node || node.row !== row || node.open !== open) {
        const made = build(row, open);
        if (node) node.element.replaceWith(made.element);
        else rows.append(made.element);
        if (node?.element.contains(document.activeElement)) made.element.querySelector('a')?.focus();
        node = { row, open, ...made };
        nodes.set(row.id, node);
      }
      node.element.style.setProperty('--index', String(index));
      node.element.setAttribute('aria-posinset', String(index + 1));
      node.element.setAttribute('aria-setsize', String(list.total));
    }
    for (const [id, node] of nodes) {
      if (wanted.has(id)) continue;
      node.element.remove();
      nodes.delete(id);
    }
    if (last > list.rows.length - 20 && list.next) readMore();
    drawState();
    if (!timely && nodes.size) afterPaint(() => ((timely = true), tick()));
  }

  function drawState() {
    if (list.error && !list.rows.length) {
      const again = h('button', { type: 'button', onClick: () => reloadList() }, t('retry'));
      state.replaceChildren(placeholder('warn', t('list.failed'), problemText(list.error), again));
    } else if (list.loading && !list.rows.length) state.replaceChildren(skeleton(6));
    else if (!list.rows.length && isFiltered()) state.replaceChildren(placeholder('search', t('list.none-found'), t('list.none-found-hint'), h('button', { type: 'button', onClick: unfilter }, t('filter.clear'))));
    else if (!list.rows.length) state.replaceChildren(placeholder('inbox', t('list.empty'), t(`list.empty.${list.queue}`)));
    else state.replaceChildren(...(list.loading ? [h('p', { class: 'muted list-more' }, t('loading'))] : []));
  }

  /** @param {Row} row @param {boolean} open */
  function build(row, open) {
    const unread = row.unanswered > 0 && row.queue !== 'resolved';
    const clock = row.sla && row.queue !== 'resolved' ? slaClock(row.sla) : null;
    const time = h('time', { class: 'row-time', datetime: row.updated_at }, timely ? brief(row.updated_at) : '');
    const box =
      selection &&
      h('input', {
        type: 'checkbox',
        class: 'row-check',
        checked: selection.has(row.id),
        'aria-label': t('list.select', { name: contactName(row.contact) }),
        onChange: (/** @type {Event} */ e) => {
          const { checked } = /** @type {HTMLInputElement} */ (e.target);
          if (checked) selection.add(row.id);
          else selection.delete(row.id);
          onSelect?.();
        },
      });
    const link = h(
      'a',
      { class: 'row-link', href: address(['desk', row.queue, row.id], list.filters), 'aria-current': open ? 'true' : null },
      h(
        'span',
        { class: 'row-line' },
        unread && h('span', { class: 'visually-hidden' }, t('list.unread')),
        h('bdi', { class: 'row-name' }, contactName(row.contact)),
        row.unanswered > 1 && unread && h('span', { class: 'count', title: t('list.unanswered', { n: row.unanswered }) }, String(row.unanswered)),
        row.priority > 0 && h('span', { class: 'priority', title: t('priority.high') }, '!', h('span', { class: 'visually-hidden' }, t('priority.high'))),
        time,
      ),
      h('span', { class: 'row-line row-preview', dir: 'auto' }, preview(row)),
      h(
        'span',
        { class: 'row-line row-marks' },
        h('span', { class: 'row-channel', title: `${tSlug('channel', row.channel.kind)} · ${row.channel.name}` }, icon(row.channel.kind), h('bdi', null, row.channel.name)),
        h('span', { class: 'row-topics' }, row.topics.slice(0, 1).map((topic) => h('span', { class: 'chip small', title: row.topics.map((x) => x.name).join(', ') }, topic.name)), row.topics.length > 1 && h('span', null, `+${row.topics.length - 1}`)),
        row.lock && h('span', { class: 'row-lock', role: 'img', 'aria-label': t('lock.by', { name: row.lock.name }), title: t('lock.by', { name: row.lock.name }) }, icon('lock')),
        owner(row.assignee),
        clock?.element,
      ),
    );
    const node = h('li', { class: `row${unread ? ' unread' : ''}${open ? ' open' : ''}${selection ? ' selectable' : ''}` }, box, link);
    const tick = () => {
      clock?.refresh();
      const text = brief(row.updated_at);
      if (time.textContent !== text) time.textContent = text;
    };
    return { element: node, tick };
  }

  on('list', draw, signal);
  on('thread', draw, signal);
  const tick = () => nodes.forEach((n) => n.tick());
  on('tick', tick, signal);
  const resized = new ResizeObserver(() => {
    height = element.clientHeight;
    scrolled();
  });
  resized.observe(element);
  signal.addEventListener('abort', () => resized.disconnect());

  return {
    element,
    draw,
    /** Draws every row anew, for a change of what all of them show. */
    redraw() {
      nodes.forEach((n) => n.element.remove());
      nodes.clear();
      draw();
    },
    /** Brings a row into sight. @param {string} id */
    reveal(id) {
      const index = list.rows.findIndex((r) => r.id === id);
      if (index < 0) return;
      const top = index * rowHeight_px;
      if (top < element.scrollTop) element.scrollTop = top;
      else if (top + rowHeight_px > element.scrollTop + element.clientHeight) element.scrollTop = top + rowHeight_px - element.clientHeight;
    },
  };
}

/** @param {Row} row */
function preview(row) {
  const last = row.last_message;
  if (!last) return h('em', { class: 'muted' }, t('list.no-message'));
  if (last.masked) return h('em', { class: 'muted' }, t('message.masked-short'));
  const text = last.preview || t('message.attachment-only');
  return last.direction === 'out' ? [h('span', { class: 'row-us' }, `${t('list.us')} `), text] : text;
}

/** @param {import('../types.js').Assignee} assignee */
function owner({ agent, team }) {
  const name = agent?.name ?? team?.name;
  if (!name) return h('span', { class: 'owner none', role: 'img', 'aria-label': t('assign.nobody'), title: t('assign.nobody') }, icon('user'));
  const label = t('assign.to', { name });
  return h('span', { class: 'owner', role: 'img', 'aria-label': label, title: label }, agent ? avatar(name, 'small') : icon('team'));
}
