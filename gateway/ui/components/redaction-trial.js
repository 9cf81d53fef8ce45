// Tries what is taken out of incoming texts against a sample, which is stored nowhere.

import { admin } from '../endpoints.js';
import { fill, h } from '../dom.js';
import { t } from '../i18n.js';
import { problemText } from '../problems.js';
import { field } from './dialog.js';

/** A card with a sample, a pattern that is not set yet if wanted, and what would be stored. */
export function redactionTrial() {
  /** @type {Map<string, () => any>} */
  const readers = new Map();
  const outcome = h('output', { class: 'redaction-outcome' });
  const run = async (/** @type {Event} */ event) => {
    event.preventDefault();
    const [text, pattern] = ['text', 'pattern'].map((name) => readers.get(name)?.());
    try {
      const tried = await admin.add('redactions/try', pattern ? { text, pattern } : { text });
      fill(outcome, h('p', { class: 'message-text', dir: 'auto' }, tried.text), h('p', { class: 'muted' }, found(tried.found)));
    } catch (problem) {
      fill(outcome, h('p', { class: 'form-error', role: 'alert' }, problemText(problem)));
    }
  };
  return h(
    'form',
    { class: 'card form', onSubmit: run },
    h('h3', null, t('redaction.try')),
    h('p', { class: 'muted' }, t('redaction.explained')),
    field({ name: 'text', label: t('redaction.sample'), type: 'textarea', required: true }, readers),
    field({ name: 'pattern', label: t('redaction.pattern'), hint: t('admin.pattern-hint') }, readers),
    h('div', { class: 'row-actions start' }, h('button', { type: 'submit' }, t('redaction.run'))),
    outcome,
  );
}

/** What was found, by rule. @param {{rule: string|null, name: string, places: number}[]} found */
function found(found) {
  if (!found.length) return t('redaction.nothing');
  const name = (/** @type {{rule: string|null, name: string}} */ f) => (f.rule ? f.name : t(f.name === 'tried' ? 'redaction.tried' : 'redaction.cards'));
  return found.map((f) => `${name(f)}: ${f.places}`).join(' · ');
}
