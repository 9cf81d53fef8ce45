// Ctrl-K: every action by its name.

import { t } from '../i18n.js';
import { h } from '../dom.js';
import { icon } from '../icons.js';
import { openDialog } from './dialog.js';
import { picker } from './picker.js';

/** @typedef {{id: string, label: string, icon: string, section: string, keys?: string, act: () => void}} Action */

/** @param {Action[]} actions */
export function openPalette(actions) {
  /** @type {Action|undefined} */
  let chosen;
  const opened = openDialog({
    title: t('palette.open'),
    class: 'palette',
    body: (close) => {
      const made = picker({
        label: t('palette.open'),
        placeholder: t('palette.search'),
        choices: () => actions.map((a) => ({ id: a.id, name: a.label, section: a.section, before: icon(a.icon), hint: a.keys })),
        pick: (choice) => {
          chosen = actions.find((a) => a.id === choice.id);
          close();
        },
      });
      requestAnimationFrame(made.focus);
      return made.element;
    },
  });
  opened.then(() => chosen?.act());
}

/** The window that tells the shortcuts. @param {{keys: string, label: string, section: string}[]} shortcuts */
export function openHelp(shortcuts) {
  const sections = [...new Set(shortcuts.map((s) => s.section))];
  openDialog({
    title: t('help.title'),
    class: 'wide',
    body: () =>
      h(
        'div',
        { class: 'help' },
        sections.map((section) =>
          h(
            'section',
            null,
            h('h3', null, section),
            h('dl', null, shortcuts.filter((s) => s.section === section).map((s) => h('div', null, h('dt', null, s.keys.split(' ').map((k) => h('kbd', null, k))), h('dd', null, s.label)))),
          ),
        ),
      ),
  });
}
