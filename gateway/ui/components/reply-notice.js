// What an agent has to know before writing: another has it open, messages came meanwhile, replies are kept out.

import { fill, h } from '../dom.js';
import { icon } from '../icons.js';
import { t } from '../i18n.js';
import { isMe } from '../queue.js';
import { takeOver, thread } from '../thread.js';
import { messageView } from './message.js';

/** Whether another agent has the lock. */
export const lockedByOther = () => Boolean(thread.data?.lock && !isMe(thread.data.lock));

/** @param {{edit: () => void, send: () => void}} options what to do after messages that came meanwhile were read */
export function replyNotice({ edit, send }) {
  const element = h('div', { class: 'reply-notice' });
  let shown = '';

  function draw() {
    const d = thread.data;
    if (!d) return;
    const same = JSON.stringify([d.id, d.lock, thread.unseen.map((m) => m.id), d.blocked, d.may, document.documentElement.lang]);
    if (same === shown) return;
    shown = same;
    fill(
      element,
      lockedByOther() && h('div', { class: 'banner warn', role: 'status' }, icon('lock'), h('span', null, t('lock.by', { name: d.lock?.name ?? '' })), h('button', { type: 'button', onClick: takeOver }, t('lock.take-over'))),
      thread.unseen.length > 0 && unseen(),
      d.blocked && h('div', { class: 'banner' }, icon('ban'), h('span', null, t('thread.is-blocked'))),
    );
  }

  function unseen() {
    const after = (/** @type {() => void} */ run) => () => {
      thread.unseen = [];
      draw();
      run();
    };
    return h(
      'div',
      { class: 'unseen', role: 'alert' },
      h('p', null, icon('warn'), h('strong', null, t('unseen.title', { n: thread.unseen.length }))),
      h('ol', { class: 'entries' }, thread.unseen.map((m) => messageView(m, { readOnly: true }))),
      h('p', { class: 'muted' }, t('unseen.kept')),
      h('div', { class: 'row-actions' }, h('button', { type: 'button', onClick: after(edit) }, t('unseen.edit')), h('button', { type: 'button', class: 'primary', onClick: after(send) }, t('unseen.send'))),
    );
  }

  return { element, draw };
}
