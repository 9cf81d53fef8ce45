// What was said and done in a conversation, in order, under the days; earlier conversations stand above.

import { afterPaint, fill, h, keyed } from '../dom.js';
import { icon } from '../icons.js';
import { conversation } from '../endpoints.js';
import { currentLanguage, clock, day, moment, t, tSlug } from '../i18n.js';
import { dropOutgoing, outgoingOf, retry } from '../drafts.js';
import { problemText } from '../problems.js';
import { on, ownId, state } from '../store.js';
import { messageOf, thread } from '../thread.js';
import { auditLine } from './audit-line.js';
import { actorName, contactName, queueBadge } from './chips.js';
import { messageView } from './message.js';
import { noteView } from './note.js';
import { announce, tell } from './toast.js';

/** @typedef {import('../types.js').Entry} Entry */
/** @typedef {{sort: 'entry', entry: Entry}|{sort: 'audit', entry: import('../types.js').AuditEntry}|{sort: 'day', at: string}|{sort: 'out', item: import('../drafts.js').Outgoing}} Line */

const BOTTOM_PX = 60;
/** Lines of a long conversation that are drawn before the others: more than are in sight. */
const FIRST_LINES = 30;
/** What the entries themselves already show. */
const SHOWN_AS_ENTRIES = new Set(['message_received', 'reply_sent', 'note_added', 'delivery_accepted', 'delivery_failed']);

/** @param {{signal: AbortSignal, writeNote: (on: string) => void, putBack: (text: string) => void}} options */
export function timeline({ signal, writeNote, putBack }) {
  const earlier = h('div', { class: 'earlier' });
  const lines = h('ol', { class: 'entries', 'aria-label': t('timeline.label') });
  const jump = h('button', { type: 'button', class: 'jump', hidden: true, onClick: () => toEnd() }, icon('down'), t('timeline.newest'));
  const scroll = h('div', { class: 'timeline', tabIndex: 0, role: 'region', 'aria-label': t('timeline.label'), onScroll: () => ((pinned = atEnd()), (jump.hidden = pinned)) }, h('div', { class: 'timeline-inner' }, earlier, lines));
  let shown = '';
  let newest = '';
  /** Whether all lines are drawn, not just those at the end. */
  let whole = true;
  /** Whether the end is in sight, and is to stay so when sizes change. */
  let pinned = true;

  const atEnd = () => scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < BOTTOM_PX;
  const toEnd = () => {
    pinned = true;
    scroll.scrollTop = scroll.scrollHeight;
    jump.hidden = true;
  };

  function draw() {
    const { data, id } = thread;
    if (!data) {
      if (shown === id) return;
      shown = '';
      fill(lines);
      fill(earlier);
      return;
    }
    const fresh = shown !== id;
    const stay = !fresh && !pinned;
    if (fresh) {
      shown = data.id;
      newest = '';
      fill(lines);
      drawEarlier();
    }
    const all = arrange();
    if (fresh) {
      whole = all.length <= 2 * FIRST_LINES;
      if (!whole) afterPaint(() => ((whole = true), draw()));
    }
    keyed(lines, whole ? all : all.slice(-FIRST_LINES), identify, build);
    if (!stay) toEnd();
    hear(fresh, stay);
  }

  /** Says what came in, to those who listen. @param {boolean} fresh @param {boolean} stay */
  function hear(fresh, stay) {
    const last = thread.data?.entries.filter((e) => e.type === 'message').at(-1);
    if (!last || last.id === newest) return;
    newest = last.id;
    if (fresh || last.type !== 'message' || last.direction !== 'in') return;
    announce(t('timeline.came', { name: contactName(thread.data?.contact), text: last.text ?? '' }));
    if (stay) jump.hidden = false;
  }

  /** @returns {Line[]} */
  function arrange() {
    const { data, audit } = thread;
    if (!data) return [];
    const trail = state.me?.preferences.show_audit_trail ? audit.filter((a) => !SHOWN_AS_ENTRIES.has(a.action)) : [];
    // At the same instant, the beginning stands before the message that began it, and any other act after its message.
    const [begun, acts] = [trail.filter((a) => a.action === 'conversation_started'), trail.filter((a) => a.action !== 'conversation_started')].map((part) => part.map((entry) => ({ at: entry.recorded_at, show: entry.recorded_at, line: /** @type {Line} */ ({ sort: 'audit', entry }) })));
    const all = [
      ...begun,
      ...data.entries.map((entry) => ({ at: entry.type === 'message' ? entry.recorded_at ?? entry.at : entry.at, show: entry.at, line: /** @type {Line} */ ({ sort: 'entry', entry }) })),
      ...acts,
    ];
    all.sort((a, b) => Date.parse(a.at) - Date.parse(b.at));
    /** @type {Line[]} */
    const result = [];
    let today = '';
    for (const { show, line } of all) {
      const date = new Date(show).toDateString();
      if (date !== today) result.push({ sort: 'day', at: show });
      today = date;
      result.push(line);
    }
    return [...result, ...outgoingOf(data.id).map((item) => /** @type {Line} */ ({ sort: 'out', item }))];
  }

  /** @param {Line} line */
  function identify(line) {
    const language = currentLanguage();
    if (line.sort === 'day') return { key: `day-${new Date(line.at).toDateString()}`, same: language + day(line.at) };
    if (line.sort === 'out') return { key: `out-${line.item.key}`, same: language + JSON.stringify(line.item) };
    const at = line.sort === 'audit' ? line.entry.event_id : line.entry.id;
    return { key: `${line.sort}-${at}`, same: language + thread.data?.queue + thread.data?.blocked + JSON.stringify(line.entry) };
  }

  /** @param {Line} line @returns {HTMLElement} */
  function build(line) {
    if (line.sort === 'day') return h('li', { class: 'day' }, h('span', null, day(line.at)));
    if (line.sort === 'audit') return auditLine(line.entry, /** @type {import('../types.js').Conversation} */ (thread.data).contact);
    if (line.sort === 'out') return outgoing(line.item);
    return line.entry.type === 'note' ? noteView(line.entry, false) : messageView(line.entry, { writeNote });
  }

  /** @param {import('../drafts.js').Outgoing} item */
  function outgoing(item) {
    const failed = item.state === 'failed';
    const edit = () => {
      dropOutgoing(item.key);
      putBack(item.body.text);
    };
    const quoted = messageOf(item.body.mode?.message);
    return h(
      'li',
      { class: `message out ${item.state}` },
      h(
        'div',
        { class: 'message-body' },
        h('div', { class: 'message-meta' }, h('span', { class: 'message-sender' }, state.me?.agent.name ?? ''), h('time', { datetime: item.at }, clock(item.at))),
        h('div', { class: 'bubble' }, quoted?.text ? h('blockquote', { class: 'quoted' }, h('p', { dir: 'auto' }, quoted.text)) : null, h('p', { class: 'message-text', dir: 'auto' }, item.body.text)),
        failed
          ? h(
              'p',
              { class: 'message-foot failed', role: 'alert' },
              icon('warn'),
              h('span', null, item.problem ? tSlug('problem', item.problem, { name: '' }) : t('outgoing.unknown')),
              h('button', { type: 'button', class: 'link', onClick: () => retry(item.key) }, t('retry')),
              h('button', { type: 'button', class: 'link', onClick: edit }, t('outgoing.edit')),
            )
          : h('p', { class: 'message-foot muted' }, icon('clock'), t('outgoing.sending')),
      ),
    );
  }

  function drawEarlier() {
    const list = thread.data?.earlier ?? [];
    fill(earlier, list.length > 0 && h('p', { class: 'earlier-title muted' }, t('earlier.title', { n: list.length })), list.map(earlierView));
  }

  const resized = new ResizeObserver(() => pinned && toEnd());
  resized.observe(scroll);
  resized.observe(lines);
  signal.addEventListener('abort', () => resized.disconnect());
  on('thread', draw, signal);
  on('outgoing', draw, signal);
  on('me', draw, signal);
  return { element: h('div', { class: 'timeline-box' }, scroll, jump), toEnd };
}

/** One conversation from before, opened in place. @param {import('../types.js').Earlier} item */
function earlierView(item) {
  const inside = h('ol', { class: 'entries past' });
  const details = h(
    'details',
    { class: 'earlier-item' },
    h('summary', null, icon('right'), h('time', { datetime: item.started_at }, moment(item.started_at)), queueBadge(item.queue)),
    inside,
  );
  details.addEventListener('toggle', async () => {
    if (!details.open || inside.children.length) return;
    try {
      const data = await conversation.get(item.id);
      fill(inside, data.entries.map((e) => (e.type === 'note' ? noteView(e, true) : messageView(e, { readOnly: true }))));
    } catch (error) {
      tell(problemText(error), 'error');
    }
  });
  return details;
}

/** Who else is here. @returns {string} */
export function presenceText() {
  const others = (state.presence.get(thread.id ?? '') ?? []).filter((a) => a.id !== ownId());
  if (!others.length) return '';
  const typing = others.filter((a) => a.typing);
  if (typing.length) return t('presence.typing', { name: typing.map((a) => a.name).join(', ') });
  return t('presence.viewing', { name: others.map((a) => a.name ?? actorName(null)).join(', ') });
}
