// The head of the reply box: a reply or a note, by which channel the reply leaves, and what it refers to.

import { fill, h } from '../dom.js';
import { icon } from '../icons.js';
import { t } from '../i18n.js';
import { messageOf, setMode, thread } from '../thread.js';
import { actorName, contactName } from './chips.js';
import { openMenu } from './menu.js';

/** @typedef {'reply'|'note'} Kind */
/** @typedef {{kind: Kind, channel: import('../types.js').ReplyChannel|undefined}} Now */

/**
 * @param {object} options
 * @param {(kind: Kind) => void} options.switchTo
 * @param {(channel: string) => void} options.choose a channel that the reply is to leave by
 * @param {HTMLElement} options.counter
 * @param {() => void} options.focus
 */
export function replyTabs({ switchTo, choose, counter, focus }) {
  const element = h('div', { class: 'reply-tabs' });
  const reference = h('div', { class: 'reply-mode', hidden: true });
  let shown = '';

  /** @param {Now} now */
  function draw({ kind, channel }) {
    drawReference(kind);
    const choices = thread.data?.reply_channels ?? [];
    const same = JSON.stringify([kind, channel?.id, choices, document.documentElement.lang]);
    if (same === shown) return;
    shown = same;
    const held = element.contains(document.activeElement) ? document.activeElement?.getAttribute('data-tab') : null;
    const tab = (/** @type {Kind} */ which, /** @type {string} */ label, /** @type {string} */ look) =>
      h('button', { type: 'button', role: 'tab', class: 'tab', 'data-tab': which, 'aria-selected': String(kind === which), onClick: () => switchTo(which) }, icon(look), label);
    fill(
      element,
      h('div', { class: 'tabs', role: 'tablist', 'aria-label': t('reply.label') }, tab('reply', t('reply.tab'), 'reply'), tab('note', t('note.tab'), 'note')),
      h('span', { class: 'spring' }),
      counter,
      channel && kind === 'reply' && channelButton(channel, choices),
    );
    if (held) /** @type {HTMLElement|null} */ (element.querySelector(`[data-tab=${held}]`))?.focus();
  }

  /** @param {import('../types.js').ReplyChannel} channel @param {import('../types.js').ReplyChannel[]} choices */
  function channelButton(channel, choices) {
    const alone = choices.length < 2;
    const open = (/** @type {Event} */ e) => openMenu(/** @type {HTMLElement} */ (e.currentTarget), t('reply.channel'), choices.map((c) => ({ label: c.name, chosen: c.id === channel.id, act: () => choose(c.id) })), { align: 'end' });
    return h(
      'button',
      { type: 'button', class: 'active-channel', disabled: alone, 'aria-haspopup': alone ? null : 'menu', title: t('reply.channel'), onClick: open },
      icon(channel.kind),
      h('span', { class: 'visually-hidden' }, t('reply.channel')),
      h('bdi', null, channel.name),
      !alone && icon('down'),
    );
  }

  /** @param {Kind} kind */
  function drawReference(kind) {
    const mode = thread.mode;
    const to = messageOf(kind === 'note' ? thread.noteOn : mode.message);
    reference.hidden = !to;
    if (!to) return;
    const name = to.sender.kind === 'contact' ? (to.sender.name ?? contactName(thread.data?.contact)) : actorName(to.sender);
    const label = kind === 'note' ? t('note.on', { name }) : t(mode.kind === 'quoting' ? 'reply.quoting' : 'reply.to', { name });
    const drop = () => {
      if (kind === 'note') thread.noteOn = null;
      setMode({ kind: 'plain' });
      focus();
    };
    fill(reference, icon(kind === 'note' ? 'note' : mode.kind === 'quoting' ? 'quote' : 'reply'), h('span', { class: 'reply-mode-text' }, h('strong', null, label), ' ', h('bdi', { class: 'muted' }, to.text ?? '')), h('button', { type: 'button', class: 'icon-button', 'aria-label': t('reply.no-reference'), onClick: drop }, icon('close')));
  }

  return { element, reference, draw };
}
