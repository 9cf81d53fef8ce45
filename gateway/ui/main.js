// Starts the screen: look, session, feed, the frame, and the page that the address names.

import { onSignedOut, Problem } from './api.js';
import { session } from './endpoints.js';
import { resumeOutgoing } from './drafts.js';
import { fill, h, waited } from './dom.js';
import { followFeed, loadNotices, loadReference, refreshCounts } from './feed.js';
import { t } from './i18n.js';
import { problemText } from './problems.js';
import { listRead } from './queue.js';
import { address, currentRoute, go } from './router.js';
import { applyPreferences, applyRememberedLook, changeAvailability } from './session.js';
import { listen } from './shortcuts.js';
import { may, state } from './store.js';
import { leave } from './components/availability.js';
import { placeholder, skeleton } from './components/chips.js';
import { openHelp, openPalette } from './components/palette.js';
import { manageSavedReplies } from './components/saved-replies.js';
import { PLACES, shell } from './components/shell.js';
import { mountToasts } from './components/toast.js';
import { deskPage, openListOf } from './pages/desk.js';
import { signInPage } from './pages/sign-in.js';

/** @typedef {{element: HTMLElement, update?: (route: import('./router.js').Route) => void, shortcuts?: import('./shortcuts.js').Shortcut[]}} Page */

/** Pages that few open are read when they are opened. @type {Record<string, (signal: AbortSignal) => Promise<Page>|Page>} */
const PAGES = {
  desk: deskPage,
  supervisor: async (signal) => (await import('./pages/supervisor.js')).supervisorPage(signal),
  sla: async (signal) => (await import('./pages/sla.js')).slaPage(signal),
  audit: async (signal) => (await import('./pages/audit.js')).auditPage(signal),
  operator: async (signal) => (await import('./pages/operator.js')).operatorPage(signal),
  admin: async (signal) => (await import('./pages/admin.js')).adminPage(signal),
  preferences: async (signal) => (await import('./pages/preferences.js')).preferencesPage(signal),
};

const root = /** @type {HTMLElement} */ (document.getElementById('app'));
let signedIn = new AbortController();

async function start() {
  // Both are asked for before anything is drawn; what comes of them is looked at below, and by the list.
  const asked = session.me();
  asked.catch(() => undefined);
  const first = currentRoute();
  if (first.page === 'desk') openListOf(first);
  await applyRememberedLook();
  mountToasts();
  onSignedOut(() => state.me && askSignIn());
  try {
    const me = await asked;
    // Drawn with its rows, the desk is there sooner than if it were drawn without them first.
    await Promise.race([listRead(), waited(150)]);
    await enter(me);
  } catch (error) {
    if (error instanceof Problem && error.status === 401) return askSignIn();
    fill(root, placeholder('warn', t('start.failed'), problemText(error), h('button', { type: 'button', onClick: () => location.reload() }, t('retry'))));
  }
}

function askSignIn() {
  signedIn.abort();
  state.me = null;
  document.querySelectorAll('dialog').forEach((d) => d.close());
  fill(root, signInPage(enter));
}

/** @param {import('./types.js').Me} me */
async function enter(me) {
  state.me = me;
  state.notices.unread = me.unread_notifications;
  await applyPreferences(me.preferences);
  signedIn = new AbortController();
  const { signal } = signedIn;
  let language = document.documentElement.lang;

  /** @type {Page|null} */
  let page = null;
  let pageName = '';
  let pageLife = new AbortController();
  const frame = shell({ signal, palette: () => openPalette(actions()), help: () => openHelp(helpLines()) });

  async function show() {
    const route = currentRoute();
    const name = route.page === 'conversation' ? 'desk' : route.page in PAGES ? route.page : firstPlace();
    const spoken = document.documentElement.lang;
    if (name === pageName && spoken === language) return page?.update?.(route);
    pageLife.abort();
    pageLife = new AbortController();
    const mine = pageLife;
    pageName = name;
    language = spoken;
    page = null;
    const made = PAGES[name](mine.signal);
    if (made instanceof Promise) fill(frame.main, skeleton(6));
    const next = await made;
    if (mine.signal.aborted) return;
    page = next;
    fill(frame.main, page.element);
    page.update?.(currentRoute());
  }

  const firstPlace = () => PLACES.find((p) => may(p.needs))?.page ?? 'preferences';

  /** @returns {import('./components/palette.js').Action[]} */
  const actions = () => {
    const goTo = t('palette.go');
    const own = t('palette.you');
    return [
      ...(page?.shortcuts ?? []).map((s, index) => ({ id: `page-${index}`, label: s.label, icon: s.icon, section: s.section, keys: s.keys.toUpperCase(), act: s.act })),
      ...PLACES.filter((p) => may(p.needs)).map((p) => ({ id: p.page, label: t(p.label), icon: p.icon, section: goTo, act: () => go(address([p.page])) })),
      { id: 'preferences', label: t('page.preferences'), icon: 'sliders', section: goTo, act: () => go(address(['preferences'])) },
      { id: 'saved', label: t('saved.manage'), icon: 'bolt', section: own, act: manageSavedReplies },
      { id: 'available', label: t('availability.available'), icon: 'check', section: own, act: () => changeAvailability({ kind: 'available' }) },
      { id: 'away', label: t('availability.away'), icon: 'pause', section: own, act: () => changeAvailability({ kind: 'away' }) },
      ...state.reference.away.map((s) => ({ id: s.id, label: s.name, icon: 'pause', section: own, act: () => changeAvailability({ kind: 'away_for', status: s.id }) })),
      { id: 'help', label: t('help.title'), icon: 'help', section: own, keys: '?', act: () => openHelp(helpLines()) },
      { id: 'leave', label: t('sign-out'), icon: 'exit', section: own, act: leave },
    ];
  };
  const helpLines = () => [
    ...(page?.shortcuts ?? []).map(({ keys, label, section }) => ({ keys: keys.toUpperCase(), label, section })),
    { keys: '/', label: t('help.saved'), section: t('help.reply-box') },
    { keys: 'Ctrl Enter', label: t('reply.send'), section: t('help.reply-box') },
    { keys: 'Ctrl Shift Enter', label: t('reply.send-pend'), section: t('help.reply-box') },
    { keys: 'Ctrl Alt Enter', label: t('reply.send-resolve'), section: t('help.reply-box') },
    { keys: 'Ctrl K', label: t('palette.open'), section: t('help.everywhere') },
    { keys: '?', label: t('help.title'), section: t('help.everywhere') },
  ];

  fill(root, frame.element);
  const endFeed = followFeed();
  signal.addEventListener('abort', () => {
    endFeed();
    pageLife.abort();
  });
  listen({ shortcuts: () => page?.shortcuts ?? [], palette: () => openPalette(actions()), help: () => openHelp(helpLines()), signal });
  window.addEventListener('hashchange', show, { signal });
  window.addEventListener('clew-language', () => (frame.draw(), show()), { signal });
  await show();
  refreshCounts();
  loadReference();
  loadNotices().catch(() => undefined);
  resumeOutgoing();
}

start();
