// Brings the live feed's events into the store, and reads afresh what a break may have hidden.

import { feed } from './api.js';
import { queues, reference, session } from './endpoints.js';
import { desktopNotice } from './desktop.js';
import { debounce } from './dom.js';
import { currentFilters, isFiltered, list, patchRow, reloadList } from './queue.js';
import { t, tSlug } from './i18n.js';
import { address, go } from './router.js';
import { emit, state } from './store.js';
import { tell } from './components/toast.js';
import { reloadThread, thread } from './thread.js';

/** How long a break may last before the banner says so. */
const BANNER_AFTER_MS = 1500;

/** Starts following; ends with the answer. @returns {() => void} */
export function followFeed() {
  /** @type {ReturnType<typeof setTimeout>|undefined} */
  let banner;
  return feed(
    {
      conversation: onConversation,
      counts: onCounts,
      notification: onNotification,
      agent: onAgent,
      settings: onSettings,
      contact: onContact,
      saved_replies: () => undefined,
      presence: onPresence,
      hello: () => undefined,
      reset: refetchAll,
    },
    (connected) => {
      clearTimeout(banner);
      if (connected) {
        const wasLost = state.connection === 'lost';
        state.connection = 'live';
        emit('connection');
        if (wasLost) refetchAll();
      } else if (state.connection !== 'lost') {
        banner = setTimeout(() => {
          state.connection = 'lost';
          emit('connection');
        }, BANNER_AFTER_MS);
      }
    },
  );
}

/** @param {{id: string, queue: string, version: number, kinds: string[], row: import('./types.js').Row|null}} change */
function onConversation(change) {
  patchRow(change.id, change.row);
  if (thread.id === change.id && (thread.data?.version ?? 0) < change.version) reloadThreadSoon();
  emit('conversation-changed', change);
  if (isFiltered()) refreshCounts();
}

/** What one may see and choose may have changed with them. */
async function onSettings() {
  const before = JSON.stringify(state.me?.rights);
  await Promise.all([loadReference(), loadRights()]);
  if (JSON.stringify(state.me?.rights) === before) return;
  emit('me');
  reloadList();
  reloadThread();
  refreshCounts();
}

async function loadRights() {
  const now = await session.me().catch(() => null);
  if (now && state.me) state.me.rights = now.rights;
}

const reloadThreadSoon = debounce(() => reloadThread(), 30);

/** Rows show whom they are of. @param {{id: string}} change */
function onContact(change) {
  if (list.rows.some((row) => row.contact.id === change.id)) reloadList();
  emit('contact-changed', change);
}

/** @param {import('./types.js').Counts} counts */
function onCounts(counts) {
  if (isFiltered()) return refreshCounts();
  state.counts = counts;
  emit('counts');
}

/** Reads the counts under the filters in force. */
export const refreshCounts = debounce(async () => {
  try {
    state.counts = await queues.counts(currentFilters());
    emit('counts');
  } catch {
    // The next event asks again; a lost connection has its own banner.
  }
}, 150);

/** The event tells of which conversation; who did it is read. @param {{conversation: string}} told */
async function onNotification(told) {
  await loadNotices().catch(() => undefined);
  const notice = state.notices.items.find((n) => n.conversation === told.conversation && !n.read);
  if (!notice) return;
  desktopNotice(notice);
  tell(tSlug('notices', notice.kind, { name: notice.by.name ?? tSlug('actor', notice.by.kind) }), 'info', { label: t('open'), act: () => go(address(['conversation', notice.conversation])) });
}

/** @param {{id: string, availability: import('./types.js').Availability, signed_in?: boolean}} change */
function onAgent(change) {
  const agent = state.reference.agents.find((a) => a.id === change.id);
  if (agent) Object.assign(agent, { availability: change.availability, signed_in: change.signed_in ?? agent.signed_in });
  if (state.me?.agent.id === change.id) {
    state.me.availability = change.availability;
    emit('me');
  }
  emit('agents');
}

/** @param {{conversation: string, agents: {id: string, name: string, typing?: boolean}[]}} presence */
function onPresence({ conversation, agents }) {
  if (!conversation) return;
  const here = (agents ?? []).map((a) => ({ ...a, typing: a.typing === true }));
  if (here.length) state.presence.set(conversation, here);
  else state.presence.delete(conversation);
  emit('presence');
}

async function refetchAll() {
  refreshCounts();
  reloadList();
  reloadThread();
  await Promise.all([loadReference(), loadNotices()]);
}

/** Reads the lists that names and menus come from. */
export async function loadReference() {
  const names = ['channels', 'teams', 'topics', 'groups', 'away-statuses', 'attributes', 'agents'];
  const lists = await Promise.all(names.map((name) => reference.list(name).catch(() => [])));
  const [channels, teams, topics, groups, away, attributes, agents] = lists;
  state.reference = { channels, teams, topics, groups, away, attributes, agents };
  emit('reference');
  emit('agents');
}

/** Reads the first page of notifications. */
export async function loadNotices() {
  const { items, unread, next } = await session.notifications();
  state.notices = { items, unread, next };
  emit('notices');
}
