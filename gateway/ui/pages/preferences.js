// What the agent may choose for themselves: language, colours, default availability, notifications, name, password.

import { session } from '../endpoints.js';
import { fill, h } from '../dom.js';
import { t, tSlug } from '../i18n.js';
import { allowDesktopNotices } from '../desktop.js';
import { problemText } from '../problems.js';
import { changePreferences } from '../session.js';
import { emit, on, state } from '../store.js';
import { openForm } from '../components/dialog.js';
import { tell } from '../components/toast.js';

/** @param {AbortSignal} signal */
export function preferencesPage(signal) {
  const body = h('div', { class: 'cards' });
  const element = h('div', { class: 'sheet' }, h('h1', { tabIndex: -1 }, t('page.preferences')), body);

  function draw() {
    const me = state.me;
    if (!me || body.contains(document.activeElement)) return;
    const p = me.preferences;
    const states = [
      { id: 'available', name: t('availability.available') },
      { id: 'away', name: t('availability.away') },
      ...state.reference.away.map((s) => ({ id: `away_for:${s.id}`, name: s.name })),
    ];
    const now = p.default_availability.kind === 'away_for' ? `away_for:${p.default_availability.status}` : p.default_availability.kind;
    fill(
      body,
      h(
        'section',
        { class: 'card' },
        h('h2', null, t('preferences.general')),
        select(t('preferences.language'), p.language ?? '', [{ id: '', name: t('preferences.language.auto') }, { id: 'en', name: 'English' }, { id: 'fr', name: 'Français' }], (v) => save({ language: /** @type {'en'|'fr'|null} */ (v || null) })),
        select(t('preferences.theme'), p.theme, /** @type {const} */ (['system', 'light', 'dark']).map((id) => ({ id, name: t(`theme.${id}`) })), (v) => save({ theme: /** @type {'system'} */ (v) })),
        select(t('preferences.default'), now, states, (v) => {
          const [kind, status] = v.split(':');
          save({ default_availability: /** @type {any} */ (status ? { kind, status } : { kind }) });
        }, t('preferences.default-hint')),
        check(t('preferences.notices'), t('preferences.notices-hint'), p.desktop_notifications, notices),
        check(t('preferences.trail'), '', p.show_audit_trail, (on) => save({ show_audit_trail: on })),
      ),
      h(
        'section',
        { class: 'card' },
        h('h2', null, t('preferences.profile')),
        h('dl', { class: 'facts' }, [[t('name'), me.agent.name], [t('preferences.login'), me.agent.login], [t('preferences.roles'), me.roles.map((r) => tSlug('role', r)).join(', ')], [t('preferences.teams'), me.teams.map((x) => x.name).join(', ') || '—']].map(([label, value]) => [h('dt', null, label), h('dd', { dir: 'auto' }, value)])),
        h('div', { class: 'row-actions start' }, h('button', { type: 'button', onClick: rename }, t('rename')), h('button', { type: 'button', onClick: password }, t('preferences.change-password'))),
      ),
    );
  }

  /** @param {Partial<import('../types.js').Preferences>} part */
  async function save(part) {
    await changePreferences(part);
    tell(t('preferences.saved'));
  }

  /** @param {boolean} on */
  async function notices(on) {
    if (on && !(await allowDesktopNotices())) {
      tell(t('preferences.notices-refused'), 'error');
      return;
    }
    save({ desktop_notifications: on });
  }

  const rename = () =>
    openForm({
      title: t('rename'),
      act: t('save'),
      explain: problemText,
      fields: [{ name: 'name', label: t('name'), value: state.me?.agent.name, required: true }],
      submit: async ({ name }) => {
        await session.setName(name);
        if (state.me) state.me.agent.name = name;
        emit('me');
      },
    });

  const password = () =>
    openForm({
      title: t('preferences.change-password'),
      act: t('save'),
      explain: problemText,
      fields: [
        { name: 'current', label: t('preferences.current'), type: 'password', required: true },
        { name: 'next', label: t('preferences.new'), type: 'password', required: true },
      ],
      submit: async ({ current, next }) => {
        await session.setPassword(current, next);
        tell(t('preferences.saved'));
      },
    });

  draw();
  on('reference', draw, signal);
  on('me', draw, signal);
  return { element };
}

/** @param {string} label @param {string} value @param {{id: string, name: string}[]} options @param {(value: string) => void} change @param {string} [hint] */
function select(label, value, options, change, hint) {
  const input = h('select', { onChange: () => change(input.value) }, options.map((o) => h('option', { value: o.id, selected: o.id === value }, o.name)));
  return h('label', { class: 'field' }, h('span', null, label), input, hint && h('small', { class: 'muted' }, hint));
}

/** @param {string} label @param {string} hint @param {boolean} value @param {(on: boolean) => void} change */
function check(label, hint, value, change) {
  const input = h('input', { type: 'checkbox', checked: value, onChange: () => change(input.checked) });
  return h('label', { class: 'check' }, input, h('span', null, label, hint && h('small', { class: 'muted block' }, hint)));
}
