// Above the reply box: who has the conversation, who else is here, and where it goes: Pending, Resolved, back to New.

import { conversation } from '../endpoints.js';
import { fill, h } from '../dom.js';
import { icon } from '../icons.js';
import { moment, t, tSlug } from '../i18n.js';
import { isMe } from '../queue.js';
import { on } from '../store.js';
import { act, thread } from '../thread.js';
import { assignButton } from './assign.js';
import { openMenu } from './menu.js';
import { openPendUntil } from './pend-until.js';
import { presenceText } from './timeline.js';

const REASONS = /** @type {const} */ (['answered', 'no_reply_needed', 'spam']);

/** @param {{signal: AbortSignal, moved: (queue: string) => void}} options `moved` is told which queue it left */
export function stateBar({ signal, moved }) {
  const element = h('div', { class: 'reply-above' });
  let shown = '';

  function draw() {
    const d = thread.data;
    if (!d) return;
    const who = presenceText();
    const same = JSON.stringify([d.id, d.assignee, d.queue, d.may, who, d.lock, document.documentElement.lang]);
    if (same === shown) return;
    shown = same;
    const closed = d.queue === 'resolved';
    fill(
      element,
      assignButton(),
      isMe(d.lock) && h('span', { class: 'muted with-icon', title: t('lock.yours') }, icon('lock')),
      who && h('span', { class: 'presence muted', role: 'status' }, who),
      h('span', { class: 'spring' }),
      d.queue === 'new' ? h('span', { class: 'split' }, button('pause', 'state.pend', 'P', () => changeState('pend')), untilButton('down')) : button('undo', 'state.return', 'U', bringBack),
      d.queue === 'pending' && untilButton('clock'),
      !closed && resolveButton(),
    );
  }

  /** @param {string} look @param {import('../i18n.js').Key} key @param {string} keys @param {() => void} run */
  function button(look, key, keys, run) {
    return h('button', { type: 'button', class: 'state-button', title: `${t(key)} (${keys})`, onClick: run }, icon(look), h('span', null, t(key)));
  }

  /** @param {string} look */
  function untilButton(look) {
    const choose = (/** @type {Event} */ e) => openPendUntil(/** @type {HTMLElement} */ (e.currentTarget), (until) => changeState('pend', until));
    return h('button', { type: 'button', class: 'state-button', 'data-until': true, 'aria-haspopup': 'menu', 'aria-label': t('pend.until'), title: `${t('pend.until')} (B)`, onClick: choose }, icon(look));
  }

  function resolveButton() {
    const why = (/** @type {Event} */ e) => openMenu(/** @type {HTMLElement} */ (e.currentTarget), t('state.resolve-why'), REASONS.map((reason) => ({ label: tSlug('reason', reason), act: () => changeState('resolve', reason) })), { align: 'end' });
    return h('span', { class: 'split' }, button('check', 'state.resolve', 'E', () => changeState('resolve')), h('button', { type: 'button', class: 'state-button', 'aria-haspopup': 'menu', 'aria-label': t('state.resolve-why'), onClick: why }, icon('down')));
  }

  /** @param {'pend'|'resolve'} what @param {string} [how] why it is resolved, or when it comes back by itself */
  async function changeState(what, how) {
    const d = thread.data;
    if (!d || d.queue === 'resolved') return;
    const pended = what === 'pend' ? (how ? t('pend.done', { at: moment(how) }) : t('state.pended')) : null;
    const done = await act((id) => (what === 'pend' ? conversation.pend(id, how ?? null) : conversation.resolve(id, how ?? 'answered')), pended ?? t('state.resolved'));
    if (done && d.queue !== (what === 'pend' ? 'pending' : 'resolved')) moved(d.queue);
  }

  async function bringBack() {
    const d = thread.data;
    if (d?.queue !== 'resolved') return void act((id) => conversation.bringBack(id), t('state.returned'));
    const next = await act((id) => conversation.followUp(id));
    if (next?.conversation) location.hash = `#/conversation/${next.conversation}`;
  }

  on('presence', draw, signal);
  return { element, draw, changeState, bringBack };
}
