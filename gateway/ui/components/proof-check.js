// The key that an auditor trusts, and the button that proves a line of the trail with it, in this browser.

import { audit } from '../endpoints.js';
import { fill, h } from '../dom.js';
import { icon } from '../icons.js';
import { hasText, number, t } from '../i18n.js';
import { problemText } from '../problems.js';
import { Problem } from '../api.js';
import { NotProved, isOf, openReceipt, parseKey } from '../proof.js';

/** @typedef {import('../types.js').AuditEntry} AuditEntry */

const KEPT = 'clew.audit-key';

/** The key that proofs are checked with: the auditor's own, else the server's. @returns {Promise<string>} */
async function trusted() {
  const own = localStorage.getItem(KEPT);
  return own ?? (await audit.key()).trim();
}

/** Where the auditor says which key they trust. */
export function keyPanel() {
  const input = h('input', { name: 'key', spellcheck: 'false', autocomplete: 'off', required: true });
  const told = h('p', { class: 'muted', role: 'status' }, t('audit.key-explained'));
  const form = h(
    'form',
    { class: 'audit-form', onSubmit: keep },
    h('label', { class: 'field' }, h('span', null, t('audit.key')), input),
    h('div', { class: 'audit-buttons' }, h('button', { type: 'submit' }, icon('check'), t('audit.key-keep'))),
  );
  trusted().then((key) => (input.value = key), () => undefined);

  /** @param {Event} event */
  async function keep(event) {
    event.preventDefault();
    try {
      const key = await parseKey(input.value);
      localStorage.setItem(KEPT, input.value.trim());
      fill(told, t('audit.key-kept', { name: key.name }));
    } catch {
      fill(told, t('audit.proof-wrong.key'));
    }
  }
  return h('details', null, h('summary', null, t('audit.key')), told, form);
}

/** Proves a line when asked to, and says what came of it. @param {AuditEntry} entry */
export function proofButton(entry) {
  const place = h('span', { class: 'nowrap', role: 'status' });
  const button = h('button', { type: 'button', class: 'quiet', title: t('audit.prove-explained'), onClick: check }, t('audit.prove'));
  fill(place, button);

  async function check() {
    button.disabled = true;
    try {
      const key = await parseKey(await trusted());
      const proved = await openReceipt(await audit.receipt(entry.position), key);
      if (!isOf(proved.leaf, entry)) throw new NotProved('line');
      const text = t('audit.proved', { n: number(proved.index + 1), total: number(proved.size) });
      fill(place, h('span', { class: 'good', title: proved.origin }, icon('check'), text), ' ', h('a', { href: `/v1/audit/receipts/${entry.position}`, download: `${entry.event_id}.tlog-proof` }, t('audit.receipt')));
    } catch (error) {
      fill(place, h('strong', { class: 'bad' }, icon('warn'), why(error)));
    }
  }
  return place;
}

/** @param {unknown} error */
function why(error) {
  if (error instanceof Problem) return problemText(error);
  if (!(error instanceof NotProved)) return t('audit.proof-unsupported');
  const key = `audit.proof-wrong.${error.message}`;
  return hasText(key) ? t(/** @type {import('../i18n.js').Key} */ (key)) : t('audit.proof-wrong');
}
