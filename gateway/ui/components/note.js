// An internal note: highlighted, with name and time, to edit, delete or mask.

import { conversation } from '../endpoints.js';
import { h } from '../dom.js';
import { icon } from '../icons.js';
import { clock, exact, t } from '../i18n.js';
import { act, messageOf, thread } from '../thread.js';
import { may } from '../store.js';
import { actorName } from './chips.js';
import { confirm } from './dialog.js';
import { openMenu } from './menu.js';
import { linked, maskedText, showMessage } from './message.js';

/** @typedef {import('../types.js').Note} Note */

/** @param {Note} note @param {boolean} readOnly */
export function noteView(note, readOnly) {
  const name = actorName(note.author);
  const element = h('li', { class: 'note', id: `n-${note.id}` });
  const on = messageOf(note.on);

  const show = () =>
    element.replaceChildren(
      h(
        'div',
        { class: 'note-meta' },
        icon('note'),
        h('strong', null, h('bdi', null, name)),
        h('span', null, t('note.wrote')),
        h('time', { datetime: note.at, title: exact(note.at), tabIndex: 0 }, clock(note.at)),
        note.edited_at ? h('span', { title: exact(note.edited_at) }, t('note.edited')) : '',
        on ? h('button', { type: 'button', class: 'link', onClick: () => showMessage(on.id) }, t('note.on-message')) : '',
        h('span', { class: 'spring' }),
        readOnly || note.masked ? '' : h('button', { type: 'button', class: 'icon-button', 'aria-haspopup': 'menu', 'aria-label': t('note.menu', { name }), onClick: (/** @type {Event} */ e) => menu(/** @type {HTMLElement} */ (e.currentTarget)) }, icon('more')),
      ),
      note.masked ? h('p', { class: 'masked-text' }, icon('mask'), maskedText(note.masked)) : h('p', { class: 'message-text', dir: 'auto' }, linked(note.text ?? '')),
    );

  const edit = () => {
    const input = h('textarea', { rows: '3', dir: 'auto', 'aria-label': t('note.edit'), value: note.text ?? '' });
    element.replaceChildren(
      h(
        'form',
        {
          class: 'note-edit',
          onSubmit: (/** @type {Event} */ e) => {
            e.preventDefault();
            const text = input.value.trim();
            if (text && text !== note.text) act((id) => conversation.editNote(id, note.id, text));
            else show();
          },
          onKeydown: (/** @type {KeyboardEvent} */ e) => e.key === 'Escape' && (e.stopPropagation(), show()),
        },
        input,
        h('div', { class: 'row-actions' }, h('button', { type: 'button', onClick: show }, t('cancel')), h('button', { type: 'submit', class: 'primary' }, t('save'))),
      ),
    );
    input.focus();
  };

  /** @param {HTMLElement} anchor */
  const menu = (anchor) => {
    /** @type {import('./menu.js').Entry[]} */
    const entries = [
      { label: t('note.edit'), icon: 'pencil', act: edit },
      { label: t('note.delete'), icon: 'trash', danger: true, act: remove },
    ];
    if (thread.data?.may.mask ?? may('mask')) entries.push('line', { label: t('note.mask'), icon: 'mask', danger: true, act: mask });
    openMenu(anchor, t('note.menu', { name }), entries, { align: 'end' });
  };
  const remove = async () => {
    if (await confirm({ title: t('note.delete-question'), text: t('note.delete-explained'), act: t('note.delete') })) act((id) => conversation.deleteNote(id, note.id));
  };
  const mask = async () => {
    if (await confirm({ title: t('note.mask-question'), text: t('message.mask-explained'), act: t('note.mask') })) act((id) => conversation.maskNote(id, note.id));
  };

  show();
  return element;
}
