// What the screen knows, and who wants to be told of changes. Fed by reads and by feed.js; draws nothing.

/** @typedef {'me'|'reference'|'counts'|'list'|'thread'|'outgoing'|'connection'|'notices'|'presence'|'agents'|'tick'|'conversation-changed'|'contact-changed'} Topic */

/**
 * @typedef {object} State
 * @property {import('./types.js').Me|null} me
 * @property {import('./types.js').Reference} reference
 * @property {import('./types.js').Counts|null} counts
 * @property {'live'|'connecting'|'lost'} connection
 * @property {{items: import('./types.js').Notice[], unread: number, next: string|null}} notices
 * @property {Map<string, {id: string, name: string, typing: boolean}[]>} presence by conversation
 */

/** @type {State} */
export const state = {
  me: null,
  reference: { channels: [], teams: [], topics: [], groups: [], away: [], attributes: [], agents: [] },
  counts: null,
  connection: 'connecting',
  notices: { items: [], unread: 0, next: null },
  presence: new Map(),
};

/** @type {Map<Topic, Set<(detail?: any) => void>>} */
const listeners = new Map();

/**
 * Calls `act` at each change of the topic, until `signal` ends it.
 * @param {Topic} topic @param {(detail?: any) => void} act @param {AbortSignal} signal
 */
export function on(topic, act, signal) {
  if (signal.aborted) return;
  const set = listeners.get(topic) ?? new Set();
  listeners.set(topic, set.add(act));
  signal.addEventListener('abort', () => set.delete(act));
}

/** @param {Topic} topic @param {any} [detail] */
export function emit(topic, detail) {
  for (const act of [...(listeners.get(topic) ?? [])]) act(detail);
}

/** Whether the agent has a permission. @param {string} permission */
export function may(permission) {
  return state.me?.permissions.includes(permission) ?? false;
}

/** The own id. */
export const ownId = () => state.me?.agent.id ?? '';

/** The name of an away state. @param {string|undefined} id */
export function awayName(id) {
  return state.reference.away.find((s) => s.id === id)?.name ?? '';
}

setInterval(() => emit('tick'), 1000);
