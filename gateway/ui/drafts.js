// Drafts and replies on their way, kept in this browser per agent and conversation until they are sent, so that
// neither a reload nor a failed send loses a word. Signing out forgets them: the machine may be shared.

import { Problem } from './api.js';
import { randomId } from './dom.js';
import { conversation } from './endpoints.js';
import { emit, ownId } from './store.js';
import { reloadThread, thread } from './thread.js';

/**
 * @typedef {object} Outgoing
 * @property {string} key the idempotency key: however often it is sent, it is one reply
 * @property {string} conversation
 * @property {Record<string, any>} body
 * @property {string} at
 * @property {'sending'|'failed'} state
 * @property {string} [problem] a slug, '' when nothing answered
 */

const prefix = () => `clew.${ownId()}.`;

/** @param {string} id @param {'reply'|'note'} kind @returns {string} */
export function draft(id, kind) {
  return localStorage.getItem(`${prefix()}${kind}.${id}`) ?? '';
}

/** @param {string} id @param {'reply'|'note'} kind @param {string} text */
export function keepDraft(id, kind, text) {
  const name = `${prefix()}${kind}.${id}`;
  if (text) localStorage.setItem(name, text);
  else localStorage.removeItem(name);
}

/** How many conversations have a draft. */
export function draftCount() {
  return Object.keys(localStorage).filter((k) => k.startsWith(`${prefix()}reply.`) || k.startsWith(`${prefix()}note.`)).length;
}

/** Forgets all that is kept for the agent. */
export function forgetDrafts() {
  for (const key of Object.keys(localStorage)) if (key.startsWith(prefix())) localStorage.removeItem(key);
}

/** @returns {Outgoing[]} */
function all() {
  try {
    return JSON.parse(localStorage.getItem(`${prefix()}outgoing`) ?? '[]');
  } catch {
    return [];
  }
}

/** @param {Outgoing[]} items */
function keep(items) {
  localStorage.setItem(`${prefix()}outgoing`, JSON.stringify(items));
  emit('outgoing');
}

/** What is on its way in a conversation. @param {string} id */
export const outgoingOf = (id) => all().filter((o) => o.conversation === id);

/** @param {Outgoing} item */
const put = (item) => keep([...all().filter((o) => o.key !== item.key), item]);

/** Takes a reply off the way. @param {string} key */
export const dropOutgoing = (key) => keep(all().filter((o) => o.key !== key));

/**
 * Sends a reply.
 * @param {string} id @param {Record<string, any>} body
 * @returns {Promise<'sent'|'conflict'|'failed'>}
 */
export function sendReply(id, body) {
  return attempt({ key: randomId(), conversation: id, body, at: new Date().toISOString(), state: 'sending' });
}

/** Sends again, under the same key: what went through unnoticed is not doubled. @param {string} key */
export async function retry(key) {
  const item = all().find((o) => o.key === key);
  return item ? attempt({ ...item, state: 'sending' }) : 'sent';
}

/** @param {Outgoing} item @returns {Promise<'sent'|'conflict'|'failed'>} */
async function attempt(item) {
  put(item);
  try {
    await conversation.send(item.conversation, item.body, item.key);
    if (thread.id === item.conversation) await reloadThread();
    dropOutgoing(item.key);
    return 'sent';
  } catch (error) {
    const problem = error instanceof Problem ? error : new Problem(0, {});
    if (problem.slug === 'newer-messages') {
      dropOutgoing(item.key);
      if (thread.id === item.conversation) thread.unseen = problem.body.messages ?? [];
      if (thread.id === item.conversation) await reloadThread();
      return 'conflict';
    }
    put({ ...item, state: 'failed', problem: problem.unknown ? '' : problem.slug });
    return 'failed';
  }
}

/** What was being sent when the page was left has an unknown fate: the same key asks, without doubling. */
export function resumeOutgoing() {
  for (const item of all()) if (item.state === 'sending') attempt(item);
}
