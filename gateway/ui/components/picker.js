// A searchable list of choices: a combobox over a listbox, by name without regard to accents.

import { fold, h } from '../dom.js';
import { t } from '../i18n.js';
import { openPopover } from './menu.js';

/**
 * @typedef {object} Choice
 * @property {string} id
 * @property {string} name
 * @property {string} [hint]
 * @property {import('../dom.js').Child} [before] what stands before the name
 * @property {string} [section]
 * @property {boolean} [chosen]
 * @property {string} [search] more text that finds it
 */

const SHOWN_MAX = 200;
let serial = 0;

/**
 * @param {object} options
 * @param {string} options.label
 * @param {string} [options.placeholder]
 * @param {() => Choice[]} options.choices
 * @param {(choice: Choice) => void} options.pick
 * @param {(query: string) => import('../dom.js').Child} [options.footer]
 * @param {string} [options.empty]
 * @returns {{element: HTMLElement, focus: () => void, refresh: () => void}}
 */
export function picker({ label, placeholder, choices, pick, footer, empty }) {
  const id = `picker-${++serial}`;
  let active = 0;
  /** @type {Choice[]} */
  let shown = [];
  const listbox = h('ul', { class: 'picker-list', role: 'listbox', id, 'aria-label': label });
  const foot = h('div', { class: 'picker-foot' });
  const input = h('input', {
    type: 'text',
    class: 'picker-search',
    role: 'combobox',
    'aria-expanded': 'true',
    'aria-controls': id,
    'aria-autocomplete': 'list',
    'aria-label': label,
    placeholder: placeholder ?? t('picker.search'),
    autocomplete: 'off',
    spellcheck: 'false',
    onInput: () => draw(true),
    onKeydown: onKey,
  });

  /** @param {boolean} fresh */
  function draw(fresh) {
    const words = fold(input.value).split(/\s+/).filter(Boolean);
    const fits = (/** @type {Choice} */ c) => words.every((w) => fold(`${c.name} ${c.hint ?? ''} ${c.search ?? ''}`).includes(w));
    shown = choices().filter(fits).slice(0, SHOWN_MAX);
    if (fresh) active = 0;
    active = Math.max(0, Math.min(active, shown.length - 1));
    /** @type {Node[]} */
    const lines = [];
    let section = '';
    shown.forEach((choice, index) => {
      if (choice.section && choice.section !== section) {
        section = choice.section;
        lines.push(h('li', { class: 'picker-section', role: 'presentation' }, section));
      }
      lines.push(
        h(
          'li',
          {
            role: 'option',
            id: `${id}-${index}`,
            class: 'picker-option',
            'aria-selected': String(index === active),
            onMousedown: (/** @type {Event} */ e) => e.preventDefault(),
            onClick: () => pick(choice),
          },
          choice.before,
          h('span', { class: 'picker-name' }, h('span', { class: 'picker-title', dir: 'auto' }, choice.name), choice.hint && h('small', { class: 'muted', dir: 'auto' }, choice.hint)),
          choice.chosen && h('span', { class: 'picker-chosen' }, '✓'),
        ),
      );
    });
    if (!shown.length) lines.push(h('li', { class: 'picker-empty muted', role: 'presentation' }, empty ?? t('picker.none')));
    listbox.replaceChildren(...lines);
    foot.replaceChildren(...[footer?.(input.value) ?? []].flat().filter((c) => c instanceof Node));
    mark();
  }

  function mark() {
    for (const option of listbox.querySelectorAll('[role=option]')) {
      const on = option.id === `${id}-${active}`;
      option.setAttribute('aria-selected', String(on));
      if (on) option.scrollIntoView({ block: 'nearest' });
    }
    if (shown.length) input.setAttribute('aria-activedescendant', `${id}-${active}`);
    else input.removeAttribute('aria-activedescendant');
  }

  /** @param {KeyboardEvent} event */
  function onKey(event) {
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8 }[event.key];
    if (step) {
      event.preventDefault();
      const last = shown.length - 1;
      active = Math.abs(step) === 1 ? (active + step + shown.length) % Math.max(1, shown.length) : Math.max(0, Math.min(last, active + step));
      mark();
    } else if (event.key === 'Enter' && shown[active]) {
      event.preventDefault();
      pick(shown[active]);
    }
  }

  draw(true);
  return { element: h('div', { class: 'picker' }, input, listbox, foot), focus: () => input.focus(), refresh: () => draw(false) };
}

/**
 * A picker beside a button.
 * @param {HTMLElement} anchor
 * @param {Parameters<typeof picker>[0] & {align?: 'start'|'end', keepOpen?: boolean}} options
 */
export function openPicker(anchor, options) {
  let close = () => {};
  const made = picker({
    ...options,
    pick: (choice) => {
      if (!options.keepOpen) close();
      options.pick(choice);
      if (options.keepOpen) made.refresh();
    },
  });
  made.element.setAttribute('role', 'dialog');
  made.element.setAttribute('aria-label', options.label);
  close = openPopover(anchor, made.element, { align: options.align });
  made.focus();
  return close;
}
