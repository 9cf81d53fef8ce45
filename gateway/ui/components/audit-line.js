// One line of the audit trail in words: who did what, to what, when, and why where that is known.

import { h } from '../dom.js';
import { icon } from '../icons.js';
import { clock, exact, hasText, moment, number, t, tSlug } from '../i18n.js';
import { actorName, contactName } from './chips.js';

/** @typedef {import('../types.js').AuditEntry} AuditEntry */

/** @type {Record<string, string>} */
const ICONS = {
  assigned: 'user', unassigned: 'user', pended: 'pause', resolved: 'check', returned_to_new: 'undo', message_masked: 'mask', note_masked: 'mask',
  attachment_masked: 'mask', thread_blocked: 'ban', blocked: 'ban', topic_added: 'tag', topic_removed: 'tag', locked: 'lock', lock_released: 'lock',
  lock_taken_over: 'lock', note_added: 'note', note_edited: 'note', note_deleted: 'note', message_liked: 'heart', started: 'inbox', reply_sent: 'send', message_received: 'inbox',
};

/** What was done, without who. @param {AuditEntry} entry */
export function auditText(entry) {
  const d = entry.details ?? {};
  /** @type {Record<string, any>} */
  const values = {};
  for (const [name, value] of Object.entries(d)) values[name] = named(value, name);
  values.to ??= named(d.agent ?? d.team ?? d.assignee, 'to');
  values.object = entry.object?.name ?? '';
  const withCause = `audit.${entry.action}.${causeOf(d.cause)}`;
  let text = hasText(withCause) ? tSlug('audit', `${entry.action}.${causeOf(d.cause)}`, values) : tSlug('audit', entry.action, values);
  if (entry.bulk ?? d.bulk) text += ` ${t('audit.in-bulk')}`;
  return text.replaceAll(/\s+/g, ' ').trim();
}

/** @param {any} cause */
const causeOf = (cause) => (typeof cause === 'string' ? cause : (cause?.kind ?? ''));

/** A detail as words. @param {any} value @param {string} name @returns {string} */
function named(value, name) {
  if (value === null || value === undefined) return '';
  if (typeof value === 'number') return number(value);
  if (typeof value === 'string') return /^\d{4}-\d\d-\d\dT/.test(value) ? moment(value) : tSlug(`value.${name}`, value);
  if (typeof value === 'boolean') return t(value ? 'yes' : 'no');
  if (Array.isArray(value)) return value.map((v) => named(v, name)).join(', ');
  return value.name ?? (value.kind ? tSlug(`value.${name}`, value.kind) : '');
}

/** @param {AuditEntry} entry */
export function auditActor(entry) {
  return entry.actor.kind === 'contact' ? (entry.actor.name ?? contactName(null)) : actorName(entry.actor);
}

/** The line in a conversation. @param {AuditEntry} entry */
export function auditLine(entry) {
  return h(
    'li',
    { class: 'audit-line' },
    icon(ICONS[entry.action] ?? 'audit'),
    h('span', null, h('bdi', { class: 'audit-actor' }, auditActor(entry)), ' ', auditText(entry)),
    h('time', { datetime: entry.at, title: exact(entry.at), tabIndex: 0 }, clock(entry.at)),
  );
}
