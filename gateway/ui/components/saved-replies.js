// Saved replies: found by name, filled from the contact's attributes, put into the reply box; and kept in order.

import { savedReplies } from '../endpoints.js';
import { fill, h } from '../dom.js';
import { icon } from '../icons.js';
import { t } from '../i18n.js';
import { problemText } from '../problems.js';
import { ownId, state } from '../store.js';
import { confirm, openDialog, openForm } from './dialog.js';
import { openPicker } from './picker.js';
import { placeholder, skeleton } from './chips.js';
import { tell } from './toast.js';

/** @typedef {import('../types.js').Collection} Collection */

/**
 * Fills the places of a saved reply.
 * @param {string} text
 * @param {import('../types.js').Contact|null} contact
 * @returns {{text: string, missing: string[]}} places without a value stay as they are
 */
export function fillPlaces(text, contact) {
  const name = contact?.name ?? '';
  /** @type {Record<string, string|null|undefined>} */
  const values = { name, handle: contact?.handle, first_name: name.split(/\s+/)[0], last_name: name.split(/\s+/).slice(1).join(' '), agent_name: state.me?.agent.name, agent_first_name: state.me?.agent.name.split(/\s+/)[0] };
  for (const a of contact?.attributes ?? []) if (a.value) values[a.key] = a.value;
  /** @type {string[]} */
  const missing = [];
  const filled = text.replaceAll(/\{([a-z][a-z0-9_]*)\}/g, (place, key) => {
    if (values[key]) return String(values[key]);
    missing.push(place);
    return place;
  });
  return { text: filled, missing };
}

/**
 * Lets the agent choose one.
 * @param {HTMLElement} anchor
 * @param {(text: string) => void} use
 */
export async function openSavedReplies(anchor, use) {
  /** @type {Collection[]} */
  let collections;
  try {
    collections = (await savedReplies.list()).collections;
  } catch (error) {
    tell(problemText(error), 'error');
    return;
  }
  /** @type {() => void} */
  let close = () => {};
  close = openPicker(anchor, {
    label: t('saved.label'),
    placeholder: t('saved.search'),
    empty: t('saved.none'),
    choices: () => collections.flatMap((c) => c.replies.map((r) => ({ id: r.id, name: r.title, hint: r.text.slice(0, 140), search: r.text, section: sectionName(c) }))),
    pick: (choice) => {
      const reply = collections.flatMap((c) => c.replies).find((r) => r.id === choice.id);
      if (reply) use(reply.text);
    },
    footer: () => h('button', { type: 'button', class: 'quiet wide', onClick: () => (close(), manageSavedReplies()) }, icon('pencil'), t('saved.manage')),
  });
}

/** @param {Collection} c */
const sectionName = (c) => (c.mine && c.owner.kind === 'agent' ? `${c.name} · ${t('saved.own')}` : `${c.name} · ${c.owner.name}`);

/** The window in which collections and their replies are kept. */
export function manageSavedReplies() {
  const body = h('div', { class: 'manage' }, skeleton(4));

  const refresh = async () => {
    try {
      const { collections } = await savedReplies.list();
      fill(
        body,
        collections.map(section),
        !collections.length && placeholder('bolt', t('saved.none')),
        h('button', { type: 'button', class: 'quiet', onClick: addCollection }, icon('plus'), t('saved.add-collection')),
      );
    } catch (error) {
      fill(body, placeholder('warn', t('list.failed'), problemText(error)));
    }
  };

  /** @param {() => Promise<any>} run */
  const doing = async (run) => {
    try {
      await run();
    } catch (error) {
      tell(problemText(error), 'error');
    }
    refresh();
  };

  /** @param {Collection} c */
  const section = (c) =>
    h(
      'section',
      { class: 'manage-section' },
      h(
        'div',
        { class: 'manage-head' },
        h('h3', null, sectionName(c)),
        c.editable && h('button', { type: 'button', class: 'icon-button', 'aria-label': t('saved.add-to', { name: c.name }), title: t('saved.add'), onClick: () => edit(c) }, icon('plus')),
        c.editable && h('button', { type: 'button', class: 'icon-button', 'aria-label': t('rename-named', { name: c.name }), title: t('rename'), onClick: () => rename(c) }, icon('pencil')),
        c.editable && h('button', { type: 'button', class: 'icon-button', 'aria-label': t('remove-named', { name: c.name }), title: t('remove'), onClick: () => removeCollection(c) }, icon('trash')),
      ),
      h(
        'ul',
        null,
        c.replies.map((r) =>
          h(
            'li',
            null,
            h('div', { class: 'manage-text' }, h('strong', { dir: 'auto' }, r.title), h('p', { class: 'muted', dir: 'auto' }, r.text)),
            c.editable && h('button', { type: 'button', class: 'icon-button', 'aria-label': t('edit-named', { name: r.title }), onClick: () => edit(c, r) }, icon('pencil')),
            c.editable && h('button', { type: 'button', class: 'icon-button', 'aria-label': t('remove-named', { name: r.title }), onClick: () => doing(() => savedReplies.remove(c.id, r.id)) }, icon('trash')),
          ),
        ),
      ),
    );

  /** @param {Collection} c @param {import('../types.js').SavedReply} [reply] */
  const edit = async (c, reply) => {
    await openForm({
      title: reply ? t('saved.edit') : t('saved.add'),
      act: t('save'),
      intro: t('saved.places'),
      explain: problemText,
      fields: [
        { name: 'title', label: t('saved.title'), value: reply?.title, required: true },
        { name: 'text', label: t('saved.text'), type: 'textarea', value: reply?.text, required: true },
      ],
      submit: ({ title, text }) => (reply ? savedReplies.change(c.id, reply.id, { title, text }) : savedReplies.add(c.id, { title, text })),
    });
    refresh();
  };
  /** @param {Collection} c */
  const rename = async (c) => {
    await openForm({ title: t('rename'), act: t('save'), explain: problemText, fields: [{ name: 'name', label: t('name'), value: c.name, required: true }], submit: ({ name }) => savedReplies.renameCollection(c.id, name) });
    refresh();
  };
  /** @param {Collection} c */
  const removeCollection = async (c) => {
    if (await confirm({ title: t('remove-named', { name: c.name }), text: t('saved.remove-explained', { n: c.replies.length }), act: t('remove') })) doing(() => savedReplies.removeCollection(c.id));
  };
  const addCollection = async () => {
    const owners = [{ id: `agent:${ownId()}`, name: t('saved.own') }, ...(state.me?.teams ?? []).map((team) => ({ id: `team:${team.id}`, name: team.name }))];
    await openForm({
      title: t('saved.add-collection'),
      act: t('add'),
      explain: problemText,
      fields: [
        { name: 'name', label: t('name'), required: true },
        { name: 'owner', label: t('saved.owner'), type: 'select', options: owners, value: owners[0].id },
      ],
      submit: ({ name, owner }) => {
        const [kind, id] = owner.split(':');
        return savedReplies.addCollection(name, { kind, id });
      },
    });
    refresh();
  };

  refresh();
  return openDialog({ title: t('saved.manage'), class: 'wide', body: () => body });
}
