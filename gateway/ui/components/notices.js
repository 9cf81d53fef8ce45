// The notifications: what was assigned to the agent and by whom.

import { session } from '../endpoints.js';
import { fill, h } from '../dom.js';
import { icon } from '../icons.js';
import { ago, exact, t, tSlug } from '../i18n.js';
import { loadNotices } from '../feed.js';
import { problemText } from '../problems.js';
import { address } from '../router.js';
import { emit, state } from '../store.js';
import { actorName, placeholder } from './chips.js';
import { openPopover } from './menu.js';
import { tell } from './toast.js';

/** @param {HTMLElement} anchor */
export function openNotices(anchor) {
  const body = h('div', { class: 'notices', role: 'dialog', 'aria-label': t('notices.title'), tabIndex: -1 });
  const close = openPopover(anchor, body, { align: 'end' });

  const draw = () => {
    const { items, next, unread } = state.notices;
    fill(
      body,
      h('div', { class: 'notices-head' }, h('h2', null, t('notices.title')), unread > 0 && h('button', { type: 'button', class: 'link', onClick: readAll }, t('notices.read-all'))),
      items.length
        ? h(
            'ul',
            null,
            items.map((n) =>
              h(
                'li',
                { class: n.read ? '' : 'unread' },
                h('a', { href: address(['conversation', n.conversation]), onClick: () => close() }, icon('user'), h('span', null, tSlug('notices', n.kind, { name: actorName(n.by) }), h('time', { class: 'muted block', datetime: n.at, title: exact(n.at) }, ago(n.at)))),
              ),
            ),
          )
        : placeholder('bell', t('notices.none')),
      next && h('button', { type: 'button', class: 'quiet wide', onClick: more }, t('more')),
    );
  };
  const more = async () => {
    try {
      const page = await session.notifications(state.notices.next ?? undefined);
      state.notices = { ...page, items: [...state.notices.items, ...page.items] };
      draw();
    } catch (error) {
      tell(problemText(error), 'error');
    }
  };
  const readAll = async () => {
    const newest = state.notices.items[0];
    if (!newest) return;
    state.notices = { ...state.notices, unread: 0, items: state.notices.items.map((n) => ({ ...n, read: true })) };
    emit('notices');
    draw();
    await session.readNotifications(newest.position).catch((error) => tell(problemText(error), 'error'));
  };

  draw();
  body.focus();
  loadNotices().then(draw, () => undefined);
}
