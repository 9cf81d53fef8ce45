// Notifications of the desktop, where the agent wants them and the browser lets us.

import { t } from './i18n.js';
import { address, go } from './router.js';
import { state } from './store.js';

/** @param {import('./types.js').Notice} notice */
export function desktopNotice(notice) {
  if (!state.me?.preferences.desktop_notifications || !('Notification' in window)) return;
  if (Notification.permission !== 'granted' || document.hasFocus()) return;
  // Names stay out of it: a notification can be read on a locked screen.
  const shown = new Notification(t('notices.assigned', { name: notice.by?.name ?? t('actor.system') }), { tag: notice.position });
  shown.onclick = () => {
    window.focus();
    go(address(['conversation', notice.conversation]));
  };
}

/** Asks the browser; whether it agrees. */
export async function allowDesktopNotices() {
  if (!('Notification' in window)) return false;
  return (await Notification.requestPermission()) === 'granted';
}
