// The desk: queues, the open conversation, the contact. Puts the three panes together and answers the keyboard.

import { afterPaint, fill, h } from '../dom.js';
import { t } from '../i18n.js';
import { refreshCounts } from '../feed.js';
import { problemText } from '../problems.js';
import { list, neighbour, openList } from '../queue.js';
import { address, go } from '../router.js';
import { on, state } from '../store.js';
import { openThread, releaseLock, reloadThread, thread } from '../thread.js';
import { openAssign } from '../components/assign.js';
import { placeholder, skeleton } from '../components/chips.js';
import { contactPane } from '../components/contact-pane.js';
import { conversationHead, openTopics, openTranscript, toggleTrail } from '../components/conversation-head.js';
import { showMessage } from '../components/message.js';
import { queueFilters } from '../components/queue-filters.js';
import { queueList } from '../components/queue-list.js';
import { replyBox } from '../components/reply-box.js';
import { timeline } from '../components/timeline.js';

/** @typedef {import('../types.js').QueueName} QueueName */

const QUEUES = /** @type {const} */ (['new', 'pending', 'resolved']);
const FILTERS = ['channel', 'team', 'assignee', 'topic', 'text', 'order'];
const CONTACT_HIDDEN = 'clew.contact-hidden';

/**
 * Reads the list that an address names; says whether its filters are others than before.
 * @param {import('../router.js').Route} route
 */
export function openListOf(route) {
  const queue = QUEUES.find((q) => q === route.rest[0]) ?? 'new';
  const filters = Object.fromEntries(Object.entries(route.query).filter(([name]) => FILTERS.includes(name)));
  const changed = JSON.stringify(filters) !== JSON.stringify(list.filters);
  openList(queue, filters);
  return changed;
}

/** @param {AbortSignal} signal */
export function deskPage(signal) {
  let wanted = '';
  const tabs = h('nav', { class: 'queues', 'aria-label': t('queue.label') });
  const rows = queueList({ signal, openId: () => thread.id, unfilter: () => apply({}) });
  const head = conversationHead({ signal, toggleContact });
  const contact = contactPane({ signal, close: () => showContact(false) });
  const reply = replyBox({ signal, contact: contact.data, moved });
  const lines = timeline({ signal, writeNote: reply.note, putBack: reply.putBack });
  const empty = h('div', { class: 'conversation-empty' });
  const conversation = h('section', { class: 'conversation', 'aria-label': t('conversation.label') }, empty, head, lines.element, reply.element);
  const element = h(
    'div',
    { class: 'desk' },
    h('section', { class: 'queue-pane', 'aria-label': t('queue.label') }, h('h1', { class: 'visually-hidden', tabIndex: -1 }, t('page.desk')), tabs, queueFilters(signal, apply), rows.element),
    conversation,
    contact.element,
  );
  showContact(window.innerWidth > 1100 && localStorage.getItem(CONTACT_HIDDEN) !== 'true', false);

  /** @param {import('../types.js').Filters} filters */
  function apply(filters) {
    go(address(['desk', list.queue, thread.id], filters), true);
  }

  /** @param {import('../router.js').Route} route */
  function update(route) {
    if (route.page === 'conversation') {
      wanted = route.rest[1] ?? '';
      openThread(route.rest[0] ?? null);
    } else {
      if (openListOf(route)) refreshCounts();
      openThread(route.rest[1] ?? null);
    }
    element.classList.toggle('has-conversation', Boolean(thread.id));
    drawTabs();
    drawConversation();
    rows.draw();
  }

  function drawTabs() {
    fill(
      tabs,
      QUEUES.map((queue) => {
        const count = state.counts?.[queue].total;
        return h('a', { class: `queue-tab queue-${queue}`, href: address(['desk', queue], { ...list.filters, order: '' }), 'aria-current': queue === list.queue ? 'page' : null }, h('span', null, t(`queue.${queue}`)), h('span', { class: 'queue-count' }, count === undefined ? '' : String(count)));
      }),
    );
  }

  let emptyShown = '';
  function drawConversation() {
    const { id, data, error } = thread;
    conversation.classList.toggle('is-empty', !data);
    const kind = !id ? 'none' : data ? 'open' : error ? `failed${problemText(error)}` : 'loading';
    if (data && id === data.id) arrive();
    if (kind === emptyShown) return;
    emptyShown = kind;
    empty.hidden = kind === 'open';
    if (kind === 'none') fill(empty, placeholder('desk', t('conversation.none'), t('conversation.none-hint')));
    else if (kind === 'loading') fill(empty, skeleton(5));
    else fill(empty, placeholder('warn', t('conversation.failed'), problemText(error), h('button', { type: 'button', onClick: reloadThread }, t('retry'))));
  }

  /** A link may name a conversation of any queue, and a message in it. */
  function arrive() {
    const data = thread.data;
    if (!data) return;
    if (location.hash.startsWith('#/conversation/')) {
      openList(data.queue, {});
      go(address(['desk', data.queue, data.id]), true);
    }
    if (!wanted) return;
    const message = wanted;
    wanted = '';
    // Behind the lines that the timeline adds then.
    afterPaint(() => showMessage(message));
  }

  /** @param {boolean} on @param {boolean} [keep] */
  function showContact(on, keep = true) {
    element.classList.toggle('with-contact', on);
    if (keep && window.innerWidth > 1100) localStorage.setItem(CONTACT_HIDDEN, String(!on));
  }
  function toggleContact() {
    showContact(!element.classList.contains('with-contact'));
  }

  /** After a conversation left the queue, the next one that waits is opened. @param {string} from */
  function moved(from) {
    if (from !== list.queue || location.hash.startsWith('#/conversation/')) return;
    const next = list.rows.find((r) => r.id !== thread.id);
    go(address(['desk', list.queue, window.innerWidth > 760 ? next?.id : null], list.filters), true);
  }

  /** @param {1|-1} step */
  function move(step) {
    const row = neighbour(thread.id, step);
    if (!row) return;
    go(address(['desk', list.queue, row.id], list.filters), true);
    rows.reveal(row.id);
  }

  /** @param {string} selector */
  const find = (selector) => /** @type {HTMLElement|null} */ (element.querySelector(selector));
  /** @param {string} selector @param {(anchor: HTMLElement) => void} act */
  const at = (selector, act) => {
    const anchor = find(selector);
    if (anchor) act(anchor);
  };

  on('counts', drawTabs, signal);
  on('thread', drawConversation, signal);
  on('me', () => (drawTabs(), rows.redraw()), signal);
  signal.addEventListener('abort', releaseLock);
  window.addEventListener('pagehide', releaseLock, { signal });

  const inThread = t('help.conversation');
  const inList = t('help.list');
  /** @type {import('../shortcuts.js').Shortcut[]} */
  const shortcuts = [
    { keys: 'j', label: t('help.next'), section: inList, icon: 'down', act: () => move(1) },
    { keys: 'k', label: t('help.previous'), section: inList, icon: 'back', act: () => move(-1) },
    { keys: '/', label: t('help.search'), section: inList, icon: 'search', act: () => find('[data-search]')?.focus() },
    ...QUEUES.map((queue, index) => ({ keys: `g ${index + 1}`, label: t('help.queue', { name: t(`queue.${queue}`) }), section: inList, icon: 'inbox', act: () => go(address(['desk', queue])) })),
    { keys: 'r', label: t('help.reply'), section: inThread, icon: 'reply', act: () => reply.focus() },
    { keys: 'n', label: t('note.add'), section: inThread, icon: 'note', act: () => reply.note(null) },
    { keys: 'e', label: t('state.resolve'), section: inThread, icon: 'check', act: () => reply.changeState('resolve') },
    { keys: 'p', label: t('state.pend'), section: inThread, icon: 'pause', act: () => reply.changeState('pend') },
    { keys: 'b', label: t('pend.until'), section: inThread, icon: 'clock', act: () => find('[data-until]')?.click() },
    { keys: 'u', label: t('state.return'), section: inThread, icon: 'undo', act: () => reply.bringBack() },
    { keys: 'a', label: t('assign.label'), section: inThread, icon: 'user', act: () => at('[data-assign]', openAssign) },
    { keys: 't', label: t('topic.add'), section: inThread, icon: 'tag', act: () => at('[data-topic]', openTopics) },
    { keys: 's', label: t('saved.label'), section: inThread, icon: 'bolt', act: () => reply.openSaved() },
    { keys: 'y', label: t('transcript.open'), section: inThread, icon: 'copy', act: () => openTranscript() },
    { keys: 'v', label: t('view.audit'), section: inThread, icon: 'audit', act: () => toggleTrail() },
    { keys: 'c', label: t('contact.toggle'), section: inThread, icon: 'panel', act: toggleContact },
  ];
  return { element, update, shortcuts };
}
