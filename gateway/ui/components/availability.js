// The menu of the agent: available or away and why, preferences, signing out.

import { draftCount } from '../drafts.js';
import { t } from '../i18n.js';
import { address, go } from '../router.js';
import { changeAvailability, signOut } from '../session.js';
import { state } from '../store.js';
import { confirm } from './dialog.js';
import { openMenu } from './menu.js';

/** @param {HTMLElement} anchor */
export function openAvailability(anchor) {
  const now = state.me?.availability ?? { kind: 'away' };
  openMenu(
    anchor,
    t('availability.label'),
    [
      { heading: state.me?.agent.name ?? '' },
      { label: t('availability.available'), chosen: now.kind === 'available', dot: 'available', act: () => changeAvailability({ kind: 'available' }) },
      { label: t('availability.away'), chosen: now.kind === 'away', dot: 'away', act: () => changeAvailability({ kind: 'away' }) },
      ...state.reference.away.map((s) => ({ label: s.name, chosen: now.kind === 'away_for' && now.status === s.id, dot: 'away_for', act: () => changeAvailability({ kind: 'away_for', status: s.id }) })),
      'line',
      { label: t('page.preferences'), icon: 'sliders', act: () => go(address(['preferences'])) },
      { label: t('sign-out'), icon: 'exit', act: leave },
    ],
    { align: 'end' },
  );
}

/** Signs out; drafts are told before they are lost. */
export async function leave() {
  const drafts = draftCount();
  if (drafts && !(await confirm({ title: t('sign-out'), text: t('sign-out.drafts', { n: drafts }), act: t('sign-out') }))) return;
  await signOut();
  location.reload();
}
