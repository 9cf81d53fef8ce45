// The contact beside the conversation: attributes edited in place, groups, block, history, and being forgotten.

import { contact as contacts } from '../endpoints.js';
import { fill, h } from '../dom.js';
import { icon } from '../icons.js';
import { ago, currentLanguage, exact, moment, t } from '../i18n.js';
import { problemText } from '../problems.js';
import { address } from '../router.js';
import { emit, may, on, state } from '../store.js';
import { reloadThread, thread } from '../thread.js';
import { actorName, avatar, channelChip, contactName, placeholder, queueBadge, skeleton } from './chips.js';
import { confirm } from './dialog.js';
import { openMenu } from './menu.js';
import { openPicker } from './picker.js';
import { tell } from './toast.js';

/** @typedef {import('../types.js').Attribute} Attribute */

/** @param {{signal: AbortSignal, close: () => void}} options */
export function contactPane({ signal, close }) {
  const body = h('div', { class: 'contact-body' });
  const element = h('aside', { class: 'contact-pane', 'aria-label': t('contact.label') }, body);
  /** @type {import('../types.js').Contact|null} */
  let data = null;
  let reading = '';
  let version = -1;

  async function load() {
    const id = thread.data?.contact.id;
    if (!id) {
      data = null;
      reading = '';
      return draw();
    }
    if (reading === id && version === thread.data?.version) return;
    if (reading !== id) {
      data = null;
      draw();
    }
    reading = id;
    version = thread.data?.version ?? -1;
    try {
      const fresh = await contacts.get(id);
      if (reading === id) data = fresh;
    } catch (error) {
      if (reading === id && !data) return fill(body, closeButton(), placeholder('warn', t('contact.failed'), problemText(error)));
    }
    draw();
  }

  /** @param {(id: string) => Promise<any>} run @param {string} [done] */
  async function change(run, done) {
    if (!data) return;
    try {
      await run(data.id);
      if (done) tell(done);
    } catch (error) {
      tell(problemText(error), 'error');
    }
    version = -1;
    await load();
    reloadThread();
  }

  const closeButton = () => h('button', { type: 'button', class: 'icon-button contact-close', 'aria-label': t('close'), onClick: close }, icon('close'));

  let shown = '';
  function draw() {
    const same = JSON.stringify([data, state.reference.groups, thread.id, Boolean(thread.error), currentLanguage()]);
    if (same === shown) return;
    if (body.contains(document.activeElement) && document.activeElement?.matches('input, select')) return;
    shown = same;
    if (!data) return fill(body, thread.id && [closeButton(), !thread.error && skeleton(5)]);
    const c = data;
    const name = contactName(c);
    fill(
      body,
      closeButton(),
      h('div', { class: 'contact-head' }, avatar(name, 'large'), h('h2', null, h('bdi', null, name)), c.handle && h('bdi', { class: 'muted' }, c.handle), c.blocked && h('span', { class: 'badge danger-badge' }, t('contact.blocked'))),
      h('div', { class: 'contact-groups' }, c.groups.map((g) => h('span', { class: 'chip group' }, g.name, h('button', { type: 'button', 'aria-label': t('group.remove', { name: g.name }), onClick: () => change((id) => contacts.setGroup(id, g.id, false)) }, icon('close')))), !c.forgotten && h('button', { type: 'button', class: 'chip add', 'aria-haspopup': 'listbox', onClick: (/** @type {Event} */ e) => groups(/** @type {HTMLElement} */ (e.currentTarget)) }, icon('plus'), t('group.add'))),
      section(
        t('contact.attributes'),
        h('dl', { class: 'attributes' }, c.attributes.map(attribute)),
        !c.attributes.length && h('p', { class: 'muted' }, t('contact.no-attributes')),
      ),
      section(t('contact.about'), h('dl', { class: 'attributes' }, line(t('contact.channel'), channelChip(c.channel)), line(t('contact.since'), h('time', { datetime: c.first_seen_at, title: exact(c.first_seen_at) }, ago(c.first_seen_at))))),
      section(t('contact.history'), h('ul', { class: 'history' }, c.conversations.map(past)), c.conversations.length <= 1 && h('p', { class: 'muted' }, t('contact.no-history'))),
      h('div', { class: 'contact-actions' }, h('button', { type: 'button', class: 'quiet', 'aria-haspopup': 'menu', onClick: (/** @type {Event} */ e) => more(/** @type {HTMLElement} */ (e.currentTarget)) }, icon('more'), t('contact.more'))),
    );
  }

  /** @param {string} title @param {...import('../dom.js').Child} children */
  const section = (title, ...children) => h('section', { class: 'contact-section' }, h('h3', null, title), ...children);
  /** @param {string} label @param {import('../dom.js').Child} value */
  const line = (label, value) => [h('dt', null, label), h('dd', null, value)];

  /** @param {Attribute} a */
  function attribute(a) {
    const value = h('dd');
    const label = h('dt', null, a.label, a.system && h('span', { class: 'system', title: t('attribute.system') }, icon('lock'), h('span', { class: 'visually-hidden' }, t('attribute.system'))));
    const title = a.set_at ? t('attribute.set', { name: actorName(a.set_by), at: moment(a.set_at) }) : null;
    const show = () =>
      fill(
        value,
        a.system || data?.forgotten
          ? h('span', { title, dir: 'auto' }, shownValue(a))
          : h('button', { type: 'button', class: 'attribute-value', title, dir: 'auto', 'aria-label': t('attribute.edit', { label: a.label, value: a.value ? String(shownValue(a)) : t('attribute.none') }), onClick: edit }, a.value ? shownValue(a) : h('span', { class: 'muted' }, t('attribute.none')), icon('pencil')),
      );
    const edit = () => {
      const types = { email: 'email', phone: 'tel', number: 'number', date: 'date', url: 'url' };
      const input =
        a.kind === 'boolean'
          ? h('select', { 'aria-label': a.label }, h('option', { value: '' }, '—'), h('option', { value: 'true', selected: a.value === 'true' }, t('yes')), h('option', { value: 'false', selected: a.value === 'false' }, t('no')))
          : h('input', { type: /** @type {any} */ (types)[a.kind] ?? 'text', value: a.value ?? '', 'aria-label': a.label, autocomplete: 'off' });
      let over = false;
      const end = (/** @type {boolean} */ keep) => {
        if (over) return;
        over = true;
        const text = input.value.trim();
        show();
        /** @type {HTMLElement|null} */ (value.querySelector('button'))?.focus();
        if (!keep || text === (a.value ?? '')) return;
        change((id) => (text ? contacts.setAttribute(id, a.key, text) : contacts.removeAttribute(id, a.key)));
      };
      input.addEventListener('keydown', (event) => {
        const { key } = /** @type {KeyboardEvent} */ (event);
        if (key !== 'Enter' && key !== 'Escape') return;
        // Else the key would go on to the button that gets the focus.
        event.preventDefault();
        event.stopPropagation();
        end(key === 'Enter');
      });
      input.addEventListener('blur', () => end(true));
      fill(value, input);
      input.focus();
    };
    show();
    return [label, value];
  }

  /** @param {Attribute} a @returns {import('../dom.js').Child} */
  function shownValue(a) {
    if (!a.value) return '—';
    if (a.kind === 'boolean') return t(a.value === 'true' ? 'yes' : 'no');
    return a.value;
  }

  /** @param {import('../types.js').Row} row */
  function past(row) {
    const here = row.id === thread.id;
    const text = row.last_message?.masked ? t('message.masked-short') : (row.last_message?.preview ?? '');
    return h(
      'li',
      null,
      h('a', { href: address(['conversation', row.id]), 'aria-current': here ? 'true' : null }, h('span', { class: 'history-line' }, h('time', { datetime: row.updated_at }, moment(row.updated_at)), queueBadge(row.queue)), h('span', { class: 'muted history-text', dir: 'auto' }, text)),
    );
  }

  /** @param {HTMLElement} anchor */
  function groups(anchor) {
    openPicker(anchor, {
      label: t('group.add'),
      align: 'end',
      keepOpen: true,
      choices: () => state.reference.groups.map((g) => ({ id: g.id, name: g.name, chosen: data?.groups.some((has) => has.id === g.id) })),
      pick: (choice) => change((id) => contacts.setGroup(id, choice.id, !choice.chosen)),
    });
  }

  /** @param {HTMLElement} anchor */
  function more(anchor) {
    const c = data;
    if (!c) return;
    /** @type {import('./menu.js').Entry[]} */
    const entries = [{ label: t(c.blocked ? 'contact.unblock' : 'contact.block'), icon: 'ban', disabled: c.forgotten, act: () => block(!c.blocked) }];
    if (may('mask') || may('administer')) entries.push('line', { label: t('contact.forget'), icon: 'trash', danger: true, disabled: c.forgotten, act: forget });
    openMenu(anchor, t('contact.more'), entries);
  }
  /** @param {boolean} blocked */
  async function block(blocked) {
    if (blocked && !(await confirm({ title: t('contact.block'), text: t('contact.block-explained'), act: t('contact.block') }))) return;
    change((id) => contacts.block(id, blocked), t(blocked ? 'contact.block-done' : 'contact.unblock-done'));
  }
  async function forget() {
    if (await confirm({ title: t('contact.forget-question'), text: t('contact.forget-explained'), act: t('contact.forget') })) {
      await change((id) => contacts.forget(id), t('contact.forget-done'));
      emit('list');
    }
  }

  on('thread', load, signal);
  on('contact-changed', (change) => {
    if (change.id !== reading) return;
    version = -1;
    load();
  }, signal);
  on('reference', draw, signal);
  on('me', draw, signal);
  load();
  return { element, data: () => data };
}
