// Who is signed in, and what that agent chose: availability, language, colours. Draws nothing.

import { forgetSession } from './api.js';
import { session } from './endpoints.js';
import { forgetDrafts } from './drafts.js';
import { currentLanguage, languageFor, t, useLanguage } from './i18n.js';
import { problemText } from './problems.js';
import { emit, state } from './store.js';
import { tell } from './components/toast.js';

/** @typedef {import('./types.js').Preferences} Preferences */

/** What the sign-in page and the first paint use before the server has answered. */
const REMEMBERED = 'clew.look';

/** @returns {{language?: string, theme?: string}} */
function remembered() {
  try {
    return JSON.parse(localStorage.getItem(REMEMBERED) ?? '{}');
  } catch {
    return {};
  }
}

/** Shows the colours and language of the last time. */
export async function applyRememberedLook() {
  const { language, theme } = remembered();
  document.documentElement.dataset.theme = theme ?? 'system';
  await useLanguage(languageFor(language));
}

/** Keeps a choice made before signing in. @param {string} language */
export async function chooseLanguage(language) {
  localStorage.setItem(REMEMBERED, JSON.stringify({ ...remembered(), language }));
  await useLanguage(language);
}

/** @param {Preferences} preferences */
export async function applyPreferences(preferences) {
  const language = preferences.language ?? remembered().language;
  localStorage.setItem(REMEMBERED, JSON.stringify({ language, theme: preferences.theme }));
  document.documentElement.dataset.theme = preferences.theme;
  const before = currentLanguage();
  await useLanguage(languageFor(language));
  if (before !== currentLanguage()) window.dispatchEvent(new Event('clew-language'));
}

/** @param {Partial<Preferences>} part */
export async function changePreferences(part) {
  if (!state.me) return;
  const before = state.me.preferences;
  state.me.preferences = { ...before, ...part };
  await applyPreferences(state.me.preferences);
  emit('me');
  try {
    await session.setPreferences(state.me.preferences);
  } catch (error) {
    state.me.preferences = before;
    await applyPreferences(before);
    emit('me');
    tell(problemText(error), 'error');
  }
}

/** @param {import('./types.js').Availability} availability */
export async function changeAvailability(availability) {
  if (!state.me) return;
  const before = state.me.availability;
  state.me.availability = availability;
  emit('me');
  try {
    await session.setAvailability(availability);
    tell(availability.kind === 'available' ? t('availability.now-available') : t('availability.now-away'));
  } catch (error) {
    state.me.availability = before;
    emit('me');
    tell(problemText(error), 'error');
  }
}

/** Ends the session and forgets what this browser kept for it. */
export async function signOut() {
  await session.signOut().catch(() => undefined);
  forgetDrafts();
  forgetSession();
  state.me = null;
}
