// The conversation that is open: its state, what is on its way out, and the commands on it. Draws nothing.

import { Problem } from './api.js';
import { conversation } from './endpoints.js';
import { emit, state } from './store.js';
import { tell } from './components/toast.js';
import { problemText } from './problems.js';

/** @typedef {import('./types.js').Conversation} Conversation */

export const thread = {
  /** @type {string|null} */ id: null,
  /** @type {Conversation|null} */ data: null,
  /** @type {import('./types.js').AuditEntry[]} */ audit: [],
  /** @type {unknown} */ error: null,
  loading: false,
  /** The reply mode chosen in the message menu. @type {import('./types.js').ReplyMode} */ mode: { kind: 'plain' },
  /** Where a new note stands. @type {string|null} */ noteOn: null,
  /** Messages that came while a reply was on its way. @type {import('./types.js').Message[]} */ unseen: [],
};

/** @type {AbortController|null} */
let reading = null;
let locked = false;
/** Others are told again that one is there before the server forgets it. */
const SAY_AGAIN_MS = 20_000;
/** One who types is told so at most this often. */
const TYPING_AGAIN_MS = 4_000;
let typed = 0;

setInterval(() => thread.id && sayHere(thread.id, false), SAY_AGAIN_MS);

/** Tells others that one looks at the conversation. @param {string} id @param {boolean} typing */
function sayHere(id, typing) {
  if (Date.now() - typed < TYPING_AGAIN_MS) return;
  if (typing) typed = Date.now();
  conversation.enter(id, typing).then(
    (viewers) => {
      state.presence.set(id, viewers.agents);
      emit('presence');
    },
    () => undefined,
  );
}

/** Tells others that one writes. */
export function sayTyping() {
  if (thread.id) sayHere(thread.id, true);
}

/** Opens a conversation, or none. @param {string|null} id */
export function openThread(id) {
  if (thread.id === id) return;
  releaseLock();
  if (thread.id) conversation.leave(thread.id).catch(() => undefined);
  typed = 0;
  Object.assign(thread, { id, data: null, audit: [], error: null, mode: { kind: 'plain' }, noteOn: null, unseen: [] });
  emit('thread');
  if (!id) return;
  reloadThread();
  sayHere(id, false);
}

/** Reads it afresh, with the audit trail where that is shown. */
export async function reloadThread() {
  const id = thread.id;
  if (!id) return;
  reading?.abort();
  const mine = (reading = new AbortController());
  thread.loading = true;
  try {
    const [data, audit] = await Promise.all([
      conversation.get(id, mine.signal),
      state.me?.preferences.show_audit_trail ? conversation.audit(id).catch(() => ({ entries: [] })) : { entries: [] },
    ]);
    if (thread.id !== id || mine.signal.aborted) return;
    thread.data = data;
    thread.audit = audit.entries;
    thread.error = null;
  } catch (error) {
    if (mine.signal.aborted || thread.id !== id) return;
    thread.error = error;
  }
  thread.loading = false;
  emit('thread');
}

/**
 * Carries out a command on the open conversation, then shows the outcome; a refusal is told to the agent.
 * @template T
 * @param {(id: string) => Promise<T>} run
 * @param {string} [done] what to say when it went through
 * @returns {Promise<T|undefined>}
 */
export async function act(run, done) {
  const id = thread.id;
  if (!id) return undefined;
  try {
    const result = await run(id);
    if (done) tell(done);
    if (thread.id === id) await reloadThread();
    return result ?? /** @type {any} */ (true);
  } catch (error) {
    tell(problemText(error), 'error');
    if (error instanceof Problem && error.status === 409) reloadThread();
    return undefined;
  }
}

/** Takes the lock when the agent begins to write; tells nothing when another has it, the screen shows that. */
export async function takeLock() {
  const id = thread.id;
  if (!id || locked || !thread.data || thread.data.queue === 'resolved' || thread.data.may.work === false) return;
  if (thread.data.lock) return;
  locked = true;
  try {
    await conversation.lock(id, false);
  } catch {
    locked = false;
  }
}

/** Takes the lock from another agent. */
export async function takeOver() {
  if (await act((id) => conversation.lock(id, true))) locked = true;
}

/** Gives the lock back on leaving. */
export function releaseLock() {
  // Routing opens it for who is given it; that lock, too, goes with who leaves.
  const mine = thread.data?.lock && thread.data.lock.id === state.me?.agent.id;
  if ((locked || mine) && thread.id) conversation.unlock(thread.id).catch(() => undefined);
  locked = false;
}

/** Chooses what the reply refers to. @param {import('./types.js').ReplyMode} mode */
export function setMode(mode) {
  thread.mode = mode;
  emit('thread');
}

/** A message of the open conversation. @param {string|null|undefined} id @returns {import('./types.js').Message|undefined} */
export function messageOf(id) {
  const entry = thread.data?.entries.find((e) => e.type === 'message' && e.id === id);
  return entry?.type === 'message' ? entry : undefined;
}
