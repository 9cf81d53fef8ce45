// The frame around every page: where one can go, notifications, availability, the banner of a lost connection.

import { fill, h } from '../dom.js';
import { icon, mark } from '../icons.js';
import { t } from '../i18n.js';
import { currentRoute } from '../router.js';
import { may, on, state } from '../store.js';
import { openAvailability } from './availability.js';
import { availabilityName } from './assign.js';
import { availabilityDot, avatar } from './chips.js';
import { openNotices } from './notices.js';

/** @type {{page: string, icon: string, label: import('../i18n.js').Key, needs: string}[]} */
export const PLACES = [
  { page: 'desk', icon: 'desk', label: 'page.desk', needs: 'read_conversations' },
  { page: 'supervisor', icon: 'people', label: 'page.supervisor', needs: 'act_in_bulk' },
  { page: 'sla', icon: 'alarm', label: 'page.sla', needs: 'act_in_bulk' },
  { page: 'audit', icon: 'audit', label: 'page.audit', needs: 'read_audit' },
  { page: 'operator', icon: 'pulse', label: 'page.operator', needs: 'operate' },
  { page: 'admin', icon: 'gear', label: 'page.admin', needs: 'administer' },
];

/** @param {{signal: AbortSignal, palette: () => void, help: () => void}} options */
export function shell({ signal, palette, help }) {
  const nav = h('nav', { class: 'rail' });
  const banner = h('div', { class: 'connection', role: 'status', hidden: true });
  const main = h('main', { class: 'page', id: 'main' });
  const element = h('div', { class: 'shell' }, h('a', { class: 'skip', href: '#main', onClick: (/** @type {Event} */ e) => (e.preventDefault(), main.querySelector('h1')?.focus()) }, t('skip')), nav, h('div', { class: 'shell-main' }, banner, main));

  function draw() {
    const { page } = currentRoute();
    const here = page === 'conversation' ? 'desk' : page;
    const me = state.me;
    if (!me) return;
    const unread = state.notices.unread;
    const focused = nav.contains(document.activeElement) ? /** @type {HTMLElement} */ (document.activeElement).dataset.rail : null;
    nav.setAttribute('aria-label', t('nav.label'));
    const notices = t('notices.button', { n: unread });
    fill(
      nav,
      h('span', { class: 'rail-mark', title: me.workspace.name }, mark()),
      PLACES.filter((p) => may(p.needs)).map((p) => h('a', { class: 'rail-item', 'data-rail': p.page, href: `#/${p.page}`, 'aria-current': p.page === here ? 'page' : null, title: t(p.label) }, icon(p.icon), h('span', null, t(p.label)))),
      h('span', { class: 'spring' }),
      h('button', { type: 'button', class: 'rail-item rail-extra', 'data-rail': 'palette', title: `${t('palette.open')} (Ctrl+K)`, 'aria-label': t('palette.open'), onClick: palette }, icon('search')),
      h('button', { type: 'button', class: 'rail-item rail-extra', 'data-rail': 'help', title: `${t('help.title')} (?)`, 'aria-label': t('help.title'), onClick: help }, icon('help')),
      h('button', { type: 'button', class: 'rail-item', 'data-rail': 'notices', 'aria-haspopup': 'dialog', 'aria-label': notices, title: notices, onClick: (/** @type {Event} */ e) => openNotices(/** @type {HTMLElement} */ (e.currentTarget)) }, icon('bell'), unread > 0 && h('span', { class: 'rail-count', 'aria-hidden': 'true' }, unread > 99 ? '99+' : String(unread))),
      h(
        'button',
        { type: 'button', class: 'rail-me', 'data-rail': 'me', 'data-availability': true, 'aria-haspopup': 'menu', 'aria-label': t('availability.menu', { name: me.agent.name, state: availabilityName(me.availability) }), title: `${me.agent.name} · ${availabilityName(me.availability)}`, onClick: (/** @type {Event} */ e) => openAvailability(/** @type {HTMLElement} */ (e.currentTarget)) },
        h('span', { class: 'with-dot' }, avatar(me.agent.name), availabilityDot(me.availability)),
        h('span', { class: 'rail-state' }, availabilityName(me.availability)),
      ),
    );
    if (focused) /** @type {HTMLElement|null} */ (nav.querySelector(`[data-rail=${focused}]`))?.focus();
    const title = [unread > 0 ? `(${unread})` : '', t(PLACES.find((p) => p.page === here)?.label ?? 'page.preferences'), '·', 'Clew'];
    document.title = title.filter(Boolean).join(' ');
  }

  function drawConnection() {
    const lost = state.connection === 'lost';
    banner.hidden = !lost;
    fill(banner, lost && icon('warn'), lost && t('connection.lost'));
  }

  for (const topic of /** @type {const} */ (['me', 'notices', 'reference'])) on(topic, draw, signal);
  on('connection', drawConnection, signal);
  window.addEventListener('hashchange', draw, { signal });
  draw();
  return { element, main, draw };
}
