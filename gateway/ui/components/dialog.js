// Modal windows by <dialog>: the browser keeps focus inside, Escape closes, focus returns to where it was.

import { h } from '../dom.js';
import { icon } from '../icons.js';
import { t } from '../i18n.js';

let serial = 0;

/**
 * Opens a window.
 * @param {object} options
 * @param {string} options.title
 * @param {(close: (result?: any) => void) => import('../dom.js').Child} options.body
 * @param {(close: (result?: any) => void) => import('../dom.js').Child} [options.actions]
 * @param {string} [options.class]
 * @returns {Promise<any>} what `close` was given; undefined when dismissed
 */
export function openDialog({ title, body, actions, class: look = '' }) {
  return new Promise((resolve) => {
    const id = `dialog-${++serial}`;
    /** @type {any} */
    let result;
    const back = document.activeElement;
    const close = (/** @type {any} */ value) => {
      result = value;
      dialog.close();
    };
    const dialog = h(
      'dialog',
      { class: `dialog ${look}`, 'aria-labelledby': id },
      h(
        'div',
        { class: 'dialog-head' },
        h('h2', { id }, title),
        h('button', { class: 'icon-button', type: 'button', 'aria-label': t('close'), onClick: () => close(undefined) }, icon('close')),
      ),
      h('div', { class: 'dialog-body' }, body(close)),
      actions && h('div', { class: 'dialog-actions' }, actions(close)),
    );
    dialog.addEventListener('mousedown', (event) => {
      if (event.target === dialog) close(undefined);
    });
    dialog.addEventListener('close', () => {
      dialog.remove();
      if (back instanceof HTMLElement && back.isConnected) back.focus();
      resolve(result);
    });
    document.body.append(dialog);
    dialog.showModal();
    /** @type {HTMLElement|null} */ (dialog.querySelector('[data-first]'))?.focus();
  });
}

/**
 * Asks before something that can't be taken back.
 * @param {{title: string, text: string, act: string, danger?: boolean}} question
 * @returns {Promise<boolean>}
 */
export async function confirm({ title, text, act, danger = true }) {
  const answer = await openDialog({
    title,
    class: 'narrow',
    body: () => h('p', null, text),
    actions: (close) => [
      h('button', { type: 'button', 'data-first': true, onClick: () => close(false) }, t('cancel')),
      h('button', { type: 'button', class: danger ? 'danger' : 'primary', onClick: () => close(true) }, act),
    ],
  });
  return answer === true;
}

/**
 * @typedef {object} Field
 * @property {string} name
 * @property {string} label
 * @property {'text'|'password'|'number'|'textarea'|'select'|'checkbox'|'checks'|'datetime-local'} [type]
 * @property {any} [value]
 * @property {{id: string, name: string}[]} [options]
 * @property {boolean} [required]
 * @property {string} [hint]
 */

/**
 * A window with fields; `submit` may refuse by throwing, and the window stays with the reason shown.
 * @param {{title: string, act: string, fields: Field[], submit: (values: Record<string, any>) => Promise<any>, explain: (error: unknown) => string, intro?: string}} form
 */
export function openForm({ title, act, fields, submit, explain, intro }) {
  const error = h('p', { class: 'form-error', role: 'alert', hidden: true });
  /** @type {Map<string, () => any>} */
  const readers = new Map();
  return openDialog({
    title,
    body: (close) => {
      const form = h(
        'form',
        {
          class: 'form',
          id: 'dialog-form',
          onSubmit: async (/** @type {Event} */ event) => {
            event.preventDefault();
            try {
              close((await submit(Object.fromEntries([...readers].map(([name, get]) => [name, get()])))) ?? true);
            } catch (problem) {
              error.textContent = explain(problem);
              error.hidden = false;
            }
          },
        },
        intro && h('p', { class: 'muted' }, intro),
        fields.map((f) => field(f, readers)),
        error,
      );
      form.querySelector('input, textarea, select')?.setAttribute('data-first', '');
      return form;
    },
    actions: (close) => [
      h('button', { type: 'button', onClick: () => close(undefined) }, t('cancel')),
      h('button', { type: 'submit', class: 'primary', form: 'dialog-form' }, act),
    ],
  });
}

/** @param {Field} f @param {Map<string, () => any>} readers */
export function field(f, readers) {
  const type = f.type ?? 'text';
  if (type === 'checks') {
    const boxes = (f.options ?? []).map((o) => ({ o, box: h('input', { type: 'checkbox', checked: f.value?.includes(o.id) }) }));
    readers.set(f.name, () => boxes.filter(({ box }) => box.checked).map(({ o }) => o.id));
    return h('fieldset', { class: 'checks' }, h('legend', null, f.label), boxes.map(({ o, box }) => h('label', { class: 'check' }, box, o.name)));
  }
  if (type === 'checkbox') {
    const box = h('input', { type, checked: Boolean(f.value) });
    readers.set(f.name, () => box.checked);
    return h('label', { class: 'check' }, box, h('span', null, f.label, f.hint && h('small', { class: 'muted block' }, f.hint)));
  }
  const input =
    type === 'textarea'
      ? h('textarea', { rows: '5', required: f.required, value: f.value ?? '' })
      : type === 'select'
        ? h('select', { required: f.required }, (f.options ?? []).map((o) => h('option', { value: o.id, selected: o.id === (f.value ?? '') }, o.name)))
        : h('input', { type, required: f.required, value: f.value ?? '', autocomplete: type === 'password' ? 'new-password' : 'off' });
  readers.set(f.name, () => (type === 'number' ? (input.value === '' ? null : Number(input.value)) : input.value));
  return h('label', { class: 'field' }, h('span', null, f.label), input, f.hint && h('small', { class: 'muted' }, f.hint));
}
