// Says to a person what went wrong and what to do about it.

import { Problem } from './api.js';
import { hasText, t, tSlug } from './i18n.js';

/** @param {unknown} error @returns {string} */
export function problemText(error) {
  if (!(error instanceof Problem)) return t('problem.unexpected');
  if (error.slug === 'locked-by-other') return t('problem.locked-by-other', { name: error.body.agent?.name ?? '' });
  if (hasText(`problem.${error.slug}`)) return tSlug('problem', error.slug);
  if (error.status === 0) return t('problem.unreachable');
  if (error.status === 403) return t('problem.forbidden');
  if (error.status === 404) return t('problem.not-found');
  if (error.status >= 500) return t('problem.server');
  return error.detail || error.message;
}
