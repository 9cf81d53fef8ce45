// Short messages at the edge of the screen, also told to screen readers; and what is told to those alone.

import { h } from '../dom.js';
import { icon } from '../icons.js';
import { t } from '../i18n.js';

const SHOWN_MS = 6000;

const stack = h('div', { class: 'toasts', role: 'region' });
const polite = h('div', { class: 'visually-hidden', 'aria-live': 'polite' });
const assertive = h('div', { class: 'visually-hidden', role: 'alert' });

/** Puts the places for messages into the page, once. */
export function mountToasts() {
  stack.setAttribute('aria-label', t('toast.region'));
  document.body.append(stack, polite, assertive);
}

/** Tells the agent something. @param {string} text @param {'info'|'error'} [tone] @param {{label: string, act: () => void}} [offer] */
export function tell(text, tone = 'info', offer) {
  const close = () => toast.remove();
  const toast = h(
    'div',
    { class: `toast ${tone}` },
    icon(tone === 'error' ? 'warn' : 'check'),
    h('span', { class: 'toast-text' }, text),
    offer && h('button', { class: 'quiet', type: 'button', onClick: () => (close(), offer.act()) }, offer.label),
    h('button', { class: 'icon-button', type: 'button', 'aria-label': t('close'), onClick: close }, icon('close')),
  );
  stack.append(toast);
  while (stack.children.length > 4) stack.firstElementChild?.remove();
  announce(text, tone === 'error');
  setTimeout(close, tone === 'error' ? SHOWN_MS * 2 : SHOWN_MS);
}

/** Tells only those who listen to the page. @param {string} text @param {boolean} [urgent] */
export function announce(text, urgent = false) {
  const place = urgent ? assertive : polite;
  place.textContent = '';
  setTimeout(() => (place.textContent = text), 50);
}
