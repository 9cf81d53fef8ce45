// Small marks that several places share: channels, people, topics, states, the SLA's clock.

import { h, hue, initials } from '../dom.js';
import { icon } from '../icons.js';
import { duration, exact, t, tSlug } from '../i18n.js';

/** How a contact is called. @param {import('../types.js').ContactRef|null|undefined} contact */
export function contactName(contact) {
  if (!contact || contact.forgotten) return t('contact.forgotten');
  return contact.name || contact.handle || t('contact.unknown');
}

/** How an actor is called. @param {import('../types.js').Actor|null|undefined} actor */
export function actorName(actor) {
  if (!actor) return t('actor.system');
  if (actor.name) return actor.name;
  return actor.kind === 'agent' ? t('actor.agent') : tSlug('actor', actor.kind);
}

/** @param {string} name @param {string} [look] */
export function avatar(name, look = '') {
  return h('span', { class: `avatar ${look}`, 'aria-hidden': 'true', 'data-initials': initials(name), vars: { '--hue': hue(name) } });
}

/** @param {import('../types.js').ChannelRef} channel */
export function channelChip(channel) {
  return h('span', { class: 'channel', title: tSlug('channel', channel.kind) }, icon(channel.kind), h('span', { dir: 'auto' }, channel.name));
}

/** @param {import('../types.js').QueueName} queue */
export function queueBadge(queue) {
  return h('span', { class: `badge queue-${queue}` }, t(`queue.${queue}`));
}

/** The dot of an availability; its meaning is said in words beside it. @param {import('../types.js').Availability} availability */
export function availabilityDot(availability) {
  return h('span', { class: `dot ${availability.kind}`, 'aria-hidden': 'true' });
}

/** @type {Record<string, string>} */
const SLA_ICONS = { grey: 'clock', orange: 'hourglass', red: 'alarm' };

/**
 * The SLA's clock: grey and orange tell the time left, red how late; each has its own shape and words.
 * `refresh` counts on.
 * @param {import('../types.js').Sla} sla
 */
export function slaClock(sla) {
  const element = h('span', { class: 'sla', role: 'img' });
  const text = h('span', { class: 'sla-text' });
  let now = '';
  let words = '';
  const refresh = () => {
    const left_ms = Date.parse(sla.due_at) - Date.now();
    const state = left_ms <= 0 ? 'red' : Date.now() >= Date.parse(sla.warn_at) ? 'orange' : 'grey';
    const next = (state === 'red' ? '+' : '') + duration(Math.abs(left_ms));
    if (state !== now) {
      now = state;
      element.className = `sla sla-${state}`;
      element.replaceChildren(icon(SLA_ICONS[state]), text);
    }
    if (next === words) return;
    words = next;
    text.textContent = next;
    const long = duration(Math.abs(left_ms), 'long');
    const metric = tSlug('sla', sla.metric);
    element.setAttribute('aria-label', t(state === 'red' ? 'sla.late' : state === 'orange' ? 'sla.soon' : 'sla.left', { metric, time: long }));
  };
  element.addEventListener('pointerenter', () => (element.title = `${element.getAttribute('aria-label')} · ${exact(sla.due_at)}`));
  refresh();
  return { element, refresh };
}

/** What stands where there is nothing yet, or nothing could be read. @param {string} name @param {string} title @param {string} [text] @param {import('../dom.js').Child} [more] */
export function placeholder(name, title, text, more) {
  return h('div', { class: 'placeholder' }, icon(name), h('p', { class: 'placeholder-title' }, title), text && h('p', { class: 'muted' }, text), more);
}

/** Grey bars while something is read. @param {number} lines */
export function skeleton(lines) {
  return h('div', { class: 'skeletons', role: 'status', 'aria-label': t('loading') }, Array.from({ length: lines }, () => h('div', { class: 'skeleton' })));
}
