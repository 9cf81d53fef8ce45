// One line of the audit trail in words: who did what, to what, when, and why where that is known.

import { h } from '../dom.js';
import { icon } from '../icons.js';
import { clock, exact, hasText, moment, number, t, tSlug } from '../i18n.js';
import { actorName, contactName } from './chips.js';

/** @typedef {import('../types.js').AuditEntry} AuditEntry */

/** @type {Record<string, string>} */
const ICONS = {
  assigned: 'user', unassigned: 'user', pended: 'pause', resolved: 'check', bulk_resolved: 'check', returned_to_new: 'undo', message_masked: 'mask', note_masked: 'mask',
  attachment_masked: 'mask', thread_blocked: 'ban', topic_added: 'tag', topic_removed: 'tag', locked: 'lock', lock_released: 'lock',
  lock_taken_over: 'lock', note_added: 'note', note_edited: 'note', note_deleted: 'note', message_liked: 'heart', conversation_started: 'inbox', reply_sent: 'send', message_received: 'inbox',
};

/** What was done, without who. @param {AuditEntry} entry */
export function auditText(entry) {
  /** @type {Record<string, string>} */
  const values = { object: entry.object.name ?? '' };
  for (const change of entry.details) values[change.field] = valueText(change.field, change.after ?? change.before);
  values.to = values.assignee ?? '';
  values.rule ??= t('redaction.cards');
  const cause = String(entry.details.find((c) => c.field === 'cause')?.after?.value ?? '');
  const own = `${entry.action}.${cause}`;
  const text = tSlug('audit', hasText(`audit.${own}`) ? own : entry.action, values);
  return (entry.bulk ? `${text} ${t('audit.in-bulk')}` : text).replaceAll(/\s+/g, ' ').trim();
}

/** A value of a change, in words. @param {string} field @param {import('../types.js').Value|null} value @returns {string} */
export function valueText(field, value) {
  if (!value) return '—';
  if (value.name) return value.name;
  const raw = value.value;
  if (typeof raw === 'boolean') return t(raw ? 'yes' : 'no');
  if (typeof raw === 'number') return number(raw);
  if (value.kind === 'at') return moment(raw);
  if (value.kind === 'queue') return tSlug('queue', raw);
  if (value.kind === 'word') return tSlug(field, raw);
  return /^[0-9a-f-]{36}$/.test(String(raw)) ? String(raw).slice(0, 8) : String(raw ?? '');
}

/** @param {AuditEntry} entry */
export function auditActor(entry) {
  return actorName(entry.actor);
}

/** The line in a conversation, where the contact has a name. @param {AuditEntry} entry @param {import('../types.js').ContactRef} contact */
export function auditLine(entry, contact) {
  const actor = entry.actor.kind === 'contact' ? contactName(contact) : auditActor(entry);
  return h(
    'li',
    { class: 'audit-line' },
    icon(ICONS[entry.action] ?? 'audit'),
    h('span', null, h('bdi', { class: 'audit-actor' }, actor), ' ', auditText(entry)),
    h('time', { datetime: entry.at, title: exact(entry.at), tabIndex: 0 }, clock(entry.at)),
  );
}
