// Menus and small windows anchored to a button, in the browser's top layer; Escape or a click outside closes them.

import { h } from '../dom.js';
import { icon } from '../icons.js';

/**
 * @typedef {object} Item
 * @property {string} label
 * @property {string} [icon]
 * @property {() => void} [act]
 * @property {boolean} [checked] makes it a checkbox
 * @property {boolean} [chosen] makes it one choice of several
 * @property {boolean} [danger]
 * @property {boolean} [disabled]
 * @property {string} [keys] the shortcut
 * @property {string} [dot] a class for a coloured dot
 */

/** @typedef {Item|'line'|{heading: string}} Entry */

const MARGIN = 8;

/**
 * Opens a small window beside `anchor`.
 * @param {HTMLElement} anchor
 * @param {HTMLElement} content
 * @param {{align?: 'start'|'end'}} [options]
 * @returns {() => void} closes it
 */
export function openPopover(anchor, content, { align = 'start' } = {}) {
  const popover = h('div', { class: 'popover', popover: 'auto' }, content);
  // A dialog makes the rest of the page inert: what opens from inside it has to stay inside.
  (anchor.closest('dialog') ?? document.body).append(popover);
  anchor.setAttribute('aria-expanded', 'true');
  popover.addEventListener('toggle', (event) => {
    if (/** @type {ToggleEvent} */ (event).newState !== 'closed') return;
    const hadFocus = popover.contains(document.activeElement) || document.activeElement === document.body;
    popover.remove();
    if (anchor.isConnected) anchor.setAttribute('aria-expanded', 'false');
    if (hadFocus && anchor.isConnected) anchor.focus();
  });
  popover.showPopover();
  place(popover, anchor, align);
  new ResizeObserver(() => popover.isConnected && place(popover, anchor, align)).observe(popover);
  return () => popover.isConnected && popover.hidePopover();
}

/** @param {HTMLElement} popover @param {HTMLElement} anchor @param {'start'|'end'} align */
function place(popover, anchor, align) {
  const at = anchor.getBoundingClientRect();
  const own = popover.getBoundingClientRect();
  const { clientWidth, clientHeight } = document.documentElement;
  const left = align === 'end' ? at.right - own.width : at.left;
  const below = at.bottom + 4;
  const top = below + own.height > clientHeight - MARGIN && at.top - own.height - 4 > MARGIN ? at.top - own.height - 4 : below;
  popover.style.setProperty('left', `${Math.max(MARGIN, Math.min(left, clientWidth - own.width - MARGIN))}px`);
  popover.style.setProperty('top', `${Math.max(MARGIN, Math.min(top, clientHeight - own.height - MARGIN))}px`);
}

/**
 * Opens a menu.
 * @param {HTMLElement} anchor
 * @param {string} label
 * @param {Entry[]} entries
 * @param {{align?: 'start'|'end'}} [options]
 */
export function openMenu(anchor, label, entries, options) {
  const menu = h('div', { class: 'menu', role: 'menu', 'aria-label': label });
  let close = () => {};
  for (const entry of entries) {
    if (entry === 'line') menu.append(h('hr', { role: 'separator' }));
    else if ('heading' in entry) menu.append(h('div', { class: 'menu-heading', role: 'presentation' }, entry.heading));
    else menu.append(item(entry, () => close()));
  }
  menu.addEventListener('keydown', (event) => moveFocus(menu, event));
  close = openPopover(anchor, menu, options);
  /** @type {HTMLElement|null} */ (menu.querySelector('button:not(:disabled)'))?.focus();
}

/** @param {Item} entry @param {() => void} close */
function item(entry, close) {
  const role = entry.checked !== undefined ? 'menuitemcheckbox' : entry.chosen !== undefined ? 'menuitemradio' : 'menuitem';
  const on = entry.checked ?? entry.chosen;
  return h(
    'button',
    {
      type: 'button',
      role,
      class: entry.danger ? 'menu-item danger-text' : 'menu-item',
      disabled: entry.disabled === true,
      'aria-checked': on === undefined ? null : String(on),
      onClick: () => {
        close();
        entry.act?.();
      },
    },
    on !== undefined ? h('span', { class: 'menu-check' }, on && icon('check')) : entry.icon ? icon(entry.icon) : h('span', { class: 'menu-check' }),
    entry.dot && h('span', { class: `dot ${entry.dot}` }),
    h('span', { class: 'menu-label' }, entry.label),
    entry.keys && h('kbd', null, entry.keys),
  );
}

/** Arrow keys, Home, End and first letters in a menu. @param {HTMLElement} menu @param {KeyboardEvent} event */
function moveFocus(menu, event) {
  const items = /** @type {HTMLElement[]} */ ([...menu.querySelectorAll('button:not(:disabled)')]);
  const now = items.indexOf(/** @type {HTMLElement} */ (document.activeElement));
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  let next = -1;
  if (step) next = (now + step + items.length) % items.length;
  else if (event.key === 'Home') next = 0;
  else if (event.key === 'End') next = items.length - 1;
  else if (event.key.length === 1 && /\S/.test(event.key)) {
    const order = [...items.slice(now + 1), ...items.slice(0, now + 1)];
    next = items.indexOf(order.find((i) => i.textContent?.toLowerCase().startsWith(event.key.toLowerCase())) ?? items[now]);
  }
  if (next < 0) return;
  event.preventDefault();
  event.stopPropagation();
  items[next]?.focus();
}
