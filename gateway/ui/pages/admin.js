// Setting up the workspace: one list per kind of thing. What the kinds are made of is told by components/admin-kinds.js.

import { admin } from '../endpoints.js';
import { fill, h } from '../dom.js';
import { icon } from '../icons.js';
import { t } from '../i18n.js';
import { loadReference } from '../feed.js';
import { problemText } from '../problems.js';
import { address } from '../router.js';
import { kinds } from '../components/admin-kinds.js';
import { placeholder, skeleton } from '../components/chips.js';
import { confirm, field, openForm } from '../components/dialog.js';
import { openMenu } from '../components/menu.js';
import { tell } from '../components/toast.js';

const SETTINGS = /** @type {const} */ (['agents_may_mask', 'first_response_assigns', 'conversations_per_agent_max', 'lock_grace_s', 'when_agent_leaves']);

/** @param {typeof SETTINGS[number]} name @param {any} value @returns {import('../components/dialog.js').Field} */
function settingField(name, value) {
  const label = t(`setting.${name}`);
  if (name === 'when_agent_leaves') return { name, label, type: 'select', value, options: [{ id: 'hand_over', name: t('leaves.hand_over') }, { id: 'keep', name: t('leaves.keep') }] };
  return { name, label, type: typeof value === 'boolean' ? 'checkbox' : 'number', value };
}

/** @param {AbortSignal} signal */
export function adminPage(signal) {
  const nav = h('nav', { class: 'side-nav', 'aria-label': t('page.admin') });
  const body = h('div', { class: 'admin-body' });
  const element = h('div', { class: 'sheet wide' }, h('h1', { tabIndex: -1 }, t('page.admin')), h('div', { class: 'admin' }, nav, body));
  let name = 'channels';
  let withRetired = false;

  /** @param {import('../router.js').Route} route */
  function update(route) {
    const known = [...Object.keys(kinds), 'settings'];
    name = known.find((k) => k === route.rest[0]) ?? 'channels';
    fill(nav, known.map((k) => h('a', { href: address(['admin', k]), 'aria-current': k === name ? 'page' : null }, t(/** @type {import('../i18n.js').Key} */ (`admin.${k}`)))));
    fill(body, skeleton(5));
    refresh();
  }

  async function refresh() {
    const wanted = name;
    try {
      const answer = await admin.list(wanted);
      if (signal.aborted || wanted !== name) return;
      if (wanted === 'settings') drawSettings(answer);
      else drawList(answer);
    } catch (error) {
      if (!signal.aborted && wanted === name) fill(body, placeholder('warn', t('list.failed'), problemText(error), h('button', { type: 'button', onClick: refresh }, t('retry'))));
    }
  }

  /** Does it, then shows what became of it. @param {() => Promise<any>} run */
  async function doing(run) {
    try {
      await run();
      tell(t('admin.saved'));
    } catch (error) {
      tell(problemText(error), 'error');
    }
    await refresh();
    loadReference();
  }

  /** @param {any[]} items */
  function drawList(items) {
    const kind = kinds[name];
    const gone = (/** @type {any} */ item) => item.retired || item.closed || item.disconnected || item.revoked || item.removed;
    const shown = items.filter((i) => withRetired || !gone(i));
    const columns = kind.columns();
    const toggle = h('input', { type: 'checkbox', checked: withRetired, onChange: () => ((withRetired = toggle.checked), drawList(items)) });
    fill(
      body,
      h('div', { class: 'manage-head' }, h('h2', null, t(/** @type {import('../i18n.js').Key} */ (`admin.${name}`))), h('span', { class: 'spring' }), items.some(gone) && h('label', { class: 'check' }, toggle, t('admin.hide-retired')), h('button', { type: 'button', class: 'primary', onClick: () => edit(null) }, icon('plus'), t('add'))),
      shown.length
        ? h(
            'div',
            { class: 'card flush table-box', tabIndex: 0, role: 'region', 'aria-label': t(/** @type {import('../i18n.js').Key} */ (`admin.${name}`)) },
            h(
              'table',
              { class: 'table' },
              h('thead', null, h('tr', null, columns.map((c) => h('th', { scope: 'col' }, c.label)), h('th', null, h('span', { class: 'visually-hidden' }, t('contact.more'))))),
              h('tbody', null, shown.map((item) => h('tr', { class: gone(item) ? 'gone' : '' }, columns.map((c, index) => h(index ? 'td' : 'th', index ? null : { scope: 'row' }, c.cell(item))), h('td', { class: 'nowrap end' }, gone(item) ? h('span', { class: 'badge queue-resolved' }, t('admin.retired')) : buttons(item))))),
            ),
          )
        : placeholder('inbox', t('admin.none')),
      kind.below?.(),
    );
  }

  /** @param {any} item */
  function buttons(item) {
    const kind = kinds[name];
    const title = kind.title(item);
    const entries = (kind.more?.(item, { doing, refresh }) ?? []).concat([{ label: t(kind.retireLabel ?? 'admin.retire'), icon: 'trash', danger: true, act: () => retire(item) }]);
    return [
      kind.put && h('button', { type: 'button', class: 'icon-button', 'aria-label': t('edit-named', { name: title }), title: t('edit'), onClick: () => edit(item) }, icon('pencil')),
      h('button', { type: 'button', class: 'icon-button', 'aria-haspopup': 'menu', 'aria-label': `${t('contact.more')}: ${title}`, onClick: (/** @type {Event} */ e) => openMenu(/** @type {HTMLElement} */ (e.currentTarget), title, entries, { align: 'end' }) }, icon('more')),
    ];
  }

  /** @param {any} item none to add one */
  async function edit(item) {
    const kind = kinds[name];
    const done = await openForm({
      title: item ? kind.title(item) : `${t('add')} · ${t(/** @type {import('../i18n.js').Key} */ (`admin.${name}`))}`,
      act: item ? t('save') : t('add'),
      explain: problemText,
      fields: await kind.fields(item),
      submit: async (values) => {
        const result = item ? await kind.put?.(item, values) : await kind.add(values);
        return result ?? true;
      },
    });
    if (!done) return;
    await refresh();
    loadReference();
    if (!item) kind.added?.(done);
  }

  /** @param {any} item */
  async function retire(item) {
    const kind = kinds[name];
    const title = kind.title(item);
    if (await confirm({ title: t('admin.retire-question', { name: title }), text: t('admin.retire-explained'), act: t(kind.retireLabel ?? 'admin.retire') })) doing(() => kind.remove(item));
  }

  /** @param {Record<string, any>} settings */
  function drawSettings(settings) {
    /** @type {Map<string, () => any>} */
    const readers = new Map();
    const known = SETTINGS.filter((s) => s in settings);
    fill(
      body,
      h('h2', null, t('admin.settings')),
      h(
        'form',
        {
          class: 'card form',
          onSubmit: (/** @type {Event} */ e) => {
            e.preventDefault();
            doing(() => admin.put('settings', { ...settings, ...Object.fromEntries([...readers].map(([key, get]) => [key, get()])) }));
          },
        },
        known.map((s) => field(settingField(s, settings[s]), readers)),
        h('div', { class: 'row-actions start' }, h('button', { type: 'submit', class: 'primary' }, t('save'))),
      ),
    );
  }

  return { element, update };
}
