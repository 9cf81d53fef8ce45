// The head of a conversation: with whom, where, its state, topics and groups, the view menu and the copy window.

import { conversation } from '../endpoints.js';
import { fill, h } from '../dom.js';
import { icon } from '../icons.js';
import { currentLanguage, moment, t } from '../i18n.js';
import { problemText } from '../problems.js';
import { address } from '../router.js';
import { changePreferences } from '../session.js';
import { list } from '../queue.js';
import { may, on, state } from '../store.js';
import { act, reloadThread, thread } from '../thread.js';
import { avatar, channelChip, contactName, queueBadge } from './chips.js';
import { openDialog } from './dialog.js';
import { openMenu } from './menu.js';
import { blockThread } from './message.js';
import { openPicker } from './picker.js';
import { tell } from './toast.js';

/** @param {{signal: AbortSignal, toggleContact: () => void}} options */
export function conversationHead({ signal, toggleContact }) {
  const element = h('header', { class: 'conversation-head' });
  let shown = '';

  function draw() {
    const d = thread.data;
    element.hidden = !d;
    if (!d) return void (shown = '');
    const same = JSON.stringify([d.contact, d.topics, d.groups, d.queue, d.channel, d.blocked, d.priority, d.pended_until, d.may, state.me?.preferences.show_audit_trail, list.queue, list.filters, currentLanguage()]);
    if (same === shown) return;
    shown = same;
    const name = contactName(d.contact);
    fill(
      element,
      h('a', { class: 'icon-button back', href: address(['desk', list.queue], list.filters), 'aria-label': t('back-to-list') }, icon('back')),
      avatar(name),
      h(
        'div',
        { class: 'head-main' },
        h(
          'div',
          { class: 'head-line' },
          h('h1', { class: 'head-name', tabIndex: -1 }, h('bdi', null, name)),
          d.contact.handle && h('bdi', { class: 'muted head-handle' }, d.contact.handle),
          queueBadge(d.queue),
        ),
      ),
      h('button', { type: 'button', class: 'quiet', onClick: openTranscript, title: t('transcript.open') }, icon('copy'), h('span', { class: 'wide-only' }, t('copy'))),
      h('button', { type: 'button', class: 'quiet', 'aria-haspopup': 'menu', onClick: (/** @type {Event} */ e) => viewMenu(/** @type {HTMLElement} */ (e.currentTarget)) }, icon('sliders'), h('span', { class: 'wide-only' }, t('view.menu')), icon('down')),
      h('button', { type: 'button', class: 'icon-button', 'aria-label': t('contact.toggle'), title: `${t('contact.toggle')} (C)`, onClick: toggleContact }, icon('panel')),
      h(
        'div',
        { class: 'head-line head-marks' },
        channelChip(d.channel),
        h('span', { class: 'muted' }, t(`visibility.${d.visibility}`)),
        d.priority > 0 && h('span', { class: 'badge priority-badge' }, t('priority.high')),
        d.pended_until && h('span', { class: 'muted' }, t('state.until', { at: moment(d.pended_until) })),
        d.groups.map((g) => h('span', { class: 'chip group' }, icon('people'), g.name)),
        d.topics.map((topic) =>
          h('span', { class: 'chip' }, icon('tag'), topic.name, d.may.work !== false && h('button', { type: 'button', 'aria-label': t('topic.remove', { name: topic.name }), onClick: () => act((id) => conversation.setTopic(id, topic.id, false)) }, icon('close'))),
        ),
        d.may.work !== false && h('button', { type: 'button', class: 'chip add', 'data-topic': true, 'aria-haspopup': 'listbox', title: t('topic.add'), onClick: (/** @type {Event} */ e) => openTopics(/** @type {HTMLElement} */ (e.currentTarget)) }, icon('plus'), h('span', { class: 'visually-hidden' }, t('add')), t('topic.short')),
      ),
    );
  }

  /** @param {HTMLElement} anchor */
  function viewMenu(anchor) {
    const d = thread.data;
    if (!d) return;
    const trail = state.me?.preferences.show_audit_trail ?? false;
    openMenu(
      anchor,
      t('view.menu'),
      [
        { label: t('view.audit'), checked: trail, act: toggleTrail },
        'line',
        { label: t(d.priority > 0 ? 'priority.normal' : 'priority.raise'), icon: 'warn', disabled: d.queue === 'resolved', act: () => act((id) => conversation.setPriority(id, d.priority > 0 ? 0 : 1)) },
        { label: t(d.blocked ? 'thread.unblock' : 'thread.block'), icon: 'ban', act: () => blockThread(!d.blocked) },
        { label: t('conversation.copy-link'), icon: 'link', act: copyLink },
        ...(may('read_audit') ? [/** @type {const} */ ('line'), { label: t('audit.open'), icon: 'audit', act: () => (location.hash = address(['audit'], { conversation: d.id })) }] : []),
      ],
      { align: 'end' },
    );
  }

  on('thread', draw, signal);
  on('me', draw, signal);
  on('list', draw, signal);
  draw();
  return element;
}

/** Shows or hides the audit trail's lines, for good. */
export async function toggleTrail() {
  await changePreferences({ show_audit_trail: !state.me?.preferences.show_audit_trail });
  reloadThread();
}

async function copyLink() {
  await navigator.clipboard.writeText(`${location.origin}/${address(['conversation', thread.id])}`);
  tell(t('copied.link'));
}

/** Adds and removes topics. @param {HTMLElement} anchor */
export function openTopics(anchor) {
  openPicker(anchor, {
    label: t('topic.add'),
    empty: t('topic.none'),
    keepOpen: true,
    choices: () => state.reference.topics.map((topic) => ({ id: topic.id, name: topic.name, chosen: thread.data?.topics.some((has) => has.id === topic.id) })),
    pick: (choice) => act((id) => conversation.setTopic(id, choice.id, !choice.chosen)),
  });
}

/** Shows the text of the whole conversation, then copies it. */
export async function openTranscript() {
  if (!thread.id) return;
  try {
    const { text } = await conversation.transcript(thread.id, currentLanguage());
    await openDialog({
      title: t('transcript.title'),
      class: 'wide',
      body: () => [h('p', { class: 'muted' }, t('transcript.explained')), h('textarea', { class: 'transcript', readOnly: true, rows: '18', value: text, 'aria-label': t('transcript.title'), dir: 'auto' })],
      actions: (close) => [
        h('button', { type: 'button', onClick: () => close() }, t('cancel')),
        h('button', { type: 'button', class: 'primary', 'data-first': true, onClick: async () => (await navigator.clipboard.writeText(text), close(), tell(t('copied.transcript'))) }, icon('copy'), t('copy')),
      ],
    });
  } catch (error) {
    tell(problemText(error), 'error');
  }
}

