// What can be set up, kind by kind: its columns, its fields, and the requests that change it.

import { admin } from '../endpoints.js';
import { h } from '../dom.js';
import { icon } from '../icons.js';
import { moment, number, t, tSlug } from '../i18n.js';
import { state } from '../store.js';
import { problemText } from '../problems.js';
import { openDialog, openForm } from './dialog.js';
import { ruleKinds } from './rule-kinds.js';
import { slaKinds } from './sla-kinds.js';
import { redactionTrial } from './redaction-trial.js';
import { tell } from './toast.js';

/** @typedef {{doing: (run: () => Promise<any>) => Promise<void>, refresh: () => Promise<void>}} Tools */
/**
 * @typedef {object} Kind
 * @property {(item: any) => string} title
 * @property {() => {label: string, cell: (item: any) => import('../dom.js').Child}[]} columns
 * @property {(item: any) => import('./dialog.js').Field[]|Promise<import('./dialog.js').Field[]>} fields
 * @property {(values: Record<string, any>) => Promise<any>} add
 * @property {(item: any, values: Record<string, any>) => Promise<any>} [put]
 * @property {(item: any) => Promise<any>} remove
 * @property {(item: any, tools: Tools) => import('./menu.js').Item[]} [more]
 * @property {(result: any) => void} [added]
 * @property {() => import('../dom.js').Child} [below] what stands under the list
 * @property {import('../i18n.js').Key} [retireLabel]
 */

const CHANNEL_KINDS = ['twitter', 'facebook', 'instagram', 'whats_app', 'sms', 'email', 'web_chat', 'generic'];
const ROLES = ['agent', 'supervisor', 'auditor', 'operator', 'admin', 'connector'];
const SCOPES = ['read', 'write', 'inbound', 'admin'];
const ATTRIBUTE_KINDS = ['text', 'email', 'phone', 'number', 'date', 'url', 'boolean'];

/** @param {string} prefix @param {string[]} slugs */
const options = (prefix, slugs) => slugs.map((id) => ({ id, name: tSlug(prefix, id) }));
const nameColumn = () => ({ label: t('name'), cell: (/** @type {any} */ i) => h('bdi', null, i.name) });

/** Shows a secret, once. @param {string} title @param {string} secret */
function showOnce(title, secret) {
  openDialog({
    title,
    body: () => [h('p', null, t('admin.secret-once')), h('input', { class: 'secret', readOnly: true, value: secret, 'aria-label': title })],
    actions: (close) => h('button', { type: 'button', class: 'primary', 'data-first': true, onClick: async () => (await navigator.clipboard.writeText(secret), close()) }, icon('copy'), t('copy')),
  });
}

/** A list of names only. @param {string} path @returns {Kind} */
const names = (path) => ({
  title: (i) => i.name,
  columns: () => [nameColumn()],
  fields: (i) => [{ name: 'name', label: t('name'), value: i?.name, required: true }],
  add: ({ name }) => admin.add(path, { name }),
  put: (i, { name }) => admin.put(`${path}/${i.id}`, { name }),
  remove: (i) => admin.remove(`${path}/${i.id}`),
});

/** @param {Record<string, any>} v */
const profile = (v) => ({ kind: v.kind, name: v.name, visibility: v.visibility, reopens: v.reopens, team: v.team || null, reply_characters_max: v.reply_characters_max });

/** @type {Record<string, Kind>} */
export const kinds = {
  channels: {
    title: (c) => c.name,
    columns: () => [
      { label: t('name'), cell: (c) => h('span', { class: 'with-icon' }, icon(c.kind), h('bdi', null, c.name)) },
      { label: t('admin.kind'), cell: (c) => tSlug('channel', c.kind) },
      { label: t('admin.visibility'), cell: (c) => tSlug('visibility', c.visibility) },
      { label: t('admin.team'), cell: (c) => state.reference.teams.find((x) => x.id === c.team)?.name ?? '—' },
      { label: t('admin.characters'), cell: (c) => (c.reply_characters_max ? number(c.reply_characters_max) : '—') },
      { label: t('admin.secret'), cell: (c) => t(c.has_secret ? 'admin.has-secret' : 'admin.no-secret') },
    ],
    fields: (c) => [
      { name: 'name', label: t('name'), value: c?.name, required: true },
      { name: 'kind', label: t('admin.kind'), type: 'select', value: c?.kind ?? 'generic', options: options('channel', c ? [c.kind] : CHANNEL_KINDS) },
      { name: 'visibility', label: t('admin.visibility'), type: 'select', value: c?.visibility ?? 'private', options: options('visibility', ['private', 'public']) },
      { name: 'team', label: t('admin.team'), type: 'select', value: c?.team ?? '', options: [{ id: '', name: t('admin.no-team') }, ...state.reference.teams] },
      { name: 'reply_characters_max', label: t('admin.characters'), type: 'number', value: c?.reply_characters_max },
      { name: 'reopens', label: t('admin.reopens'), type: 'checkbox', value: c?.reopens },
    ],
    add: (v) => admin.add('channels', profile(v)),
    put: (c, v) => admin.put(`channels/${c.id}`, profile(v)),
    remove: (c) => admin.remove(`channels/${c.id}`),
    more: (c, { refresh }) => [{ label: t('admin.new-secret'), icon: 'lock', act: () => admin.put(`channels/${c.id}/secret`).then((r) => (showOnce(t('admin.secret'), r.secret), refresh()), (e) => tell(problemText(e), 'error')) }],
  },
  teams: {
    ...names('teams'),
    columns: () => [
      nameColumn(),
      { label: t('admin.members'), cell: (x) => (x.members ?? []).map((/** @type {{name: string}} */ m) => m.name).join(', ') || '—' },
      { label: t('team.serves'), cell: (x) => x.settings.channels.map((/** @type {string} */ id) => state.reference.channels.find((c) => c.id === id)?.name ?? '?').join(', ') || t('team.all-channels') },
      { label: t('team.sees'), cell: (x) => tSlug('team.sees', x.settings.sees) },
    ],
    more: (team, { doing }) => [
      { label: t('admin.members'), icon: 'people', act: () => editMembers(team, doing) },
      { label: t('team.settings'), icon: 'sliders', act: () => editTeamSettings(team, doing) },
    ],
  },
  topics: names('topics'),
  groups: names('groups'),
  attributes: {
    title: (a) => a.definition.label,
    columns: () => [
      { label: t('admin.label'), cell: (a) => a.definition.label },
      { label: t('admin.key'), cell: (a) => h('code', null, a.key) },
      { label: t('admin.kind'), cell: (a) => tSlug('attribute-kind', a.definition.kind) },
      { label: t('admin.system'), cell: (a) => t(a.definition.system ? 'yes' : 'no') },
    ],
    fields: (a) => [
      ...(a ? [] : [{ name: 'key', label: t('admin.key'), required: true, hint: 'a-z 0-9 _' }]),
      { name: 'label', label: t('admin.label'), value: a?.definition.label, required: true },
      { name: 'kind', label: t('admin.kind'), type: /** @type {const} */ ('select'), value: a?.definition.kind ?? 'text', options: options('attribute-kind', ATTRIBUTE_KINDS) },
      { name: 'system', label: t('admin.system'), type: /** @type {const} */ ('checkbox'), value: a?.definition.system },
    ],
    add: ({ key, ...definition }) => admin.put(`attributes/${encodeURIComponent(key)}`, definition),
    put: (a, definition) => admin.put(`attributes/${a.key}`, definition),
    remove: (a) => admin.remove(`attributes/${a.key}`),
  },
  'away-statuses': names('away-statuses'),
  accounts: {
    title: (a) => a.name,
    columns: () => [
      nameColumn(),
      { label: t('admin.login'), cell: (a) => h('code', null, a.login) },
      { label: t('admin.roles'), cell: (a) => a.roles.map((/** @type {string} */ r) => tSlug('role', r)).join(', ') },
      { label: t('admin.password'), cell: (a) => (a.has_password ? '✓' : t('admin.no-password')) },
    ],
    fields: (a) => [
      ...(a ? [] : [{ name: 'login', label: t('admin.login'), required: true }]),
      { name: 'name', label: t('name'), value: a?.name, required: true },
      ...(a ? [] : [{ name: 'password', label: t('admin.password'), type: /** @type {const} */ ('password') }]),
      { name: 'roles', label: t('admin.roles'), type: /** @type {const} */ ('checks'), value: a?.roles ?? ['agent'], options: options('role', ROLES) },
    ],
    add: ({ password, ...account }) => admin.add('accounts', password ? { ...account, password } : account),
    put: (a, { name, roles }) => admin.put(`accounts/${a.id}`, { name, roles }),
    remove: (a) => admin.remove(`accounts/${a.id}`),
    more: (a) => [{ label: t('admin.set-password'), icon: 'lock', act: () => openForm({ title: t('admin.set-password'), act: t('save'), explain: problemText, fields: [{ name: 'password', label: t('admin.password'), type: 'password', required: true }], submit: ({ password }) => admin.put(`accounts/${a.id}/password`, { password }) }) }],
  },
  redactions: {
    title: (r) => r.name,
    columns: () => [nameColumn(), { label: t('admin.pattern'), cell: (r) => h('code', { class: 'pattern' }, r.pattern) }],
    fields: (r) => [
      { name: 'name', label: t('name'), value: r?.name, required: true },
      { name: 'pattern', label: t('admin.pattern'), value: r?.pattern, required: true, hint: t('admin.pattern-hint') },
    ],
    add: (v) => admin.add('redactions', v),
    put: (r, v) => admin.put(`redactions/${r.id}`, v),
    remove: (r) => admin.remove(`redactions/${r.id}`),
    retireLabel: 'admin.remove',
    below: redactionTrial,
  },
  tokens: {
    title: (x) => x.name,
    columns: () => [
      nameColumn(),
      { label: t('admin.account'), cell: (x) => h('bdi', null, x.account?.name) },
      { label: t('admin.scopes'), cell: (x) => x.scopes.map((/** @type {string} */ s) => tSlug('scope', s)).join(', ') },
      { label: t('admin.expires'), cell: (x) => (x.expires_at ? moment(x.expires_at) : '—') },
    ],
    fields: async () => [
      { name: 'name', label: t('name'), required: true },
      { name: 'account', label: t('admin.account'), type: 'select', options: (await admin.list('accounts')).filter((/** @type {any} */ a) => !a.closed) },
      { name: 'scopes', label: t('admin.scopes'), type: 'checks', value: ['inbound'], options: options('scope', SCOPES) },
      { name: 'expires_at', label: t('admin.expires'), type: 'datetime-local' },
    ],
    add: ({ expires_at, ...token }) => admin.add('tokens', { ...token, expires_at: expires_at ? new Date(expires_at).toISOString() : null }),
    remove: (x) => admin.remove(`tokens/${x.id}`),
    added: (result) => result.token && showOnce(t('admin.tokens'), result.token),
    retireLabel: 'admin.revoke',
  },
  ...slaKinds,
  ...ruleKinds,
};

/** @param {any} team @param {Tools['doing']} doing */
async function editMembers(team, doing) {
  const before = new Set((team.members ?? []).map((/** @type {{id: string}} */ m) => m.id));
  const values = await openForm({
    title: `${team.name} · ${t('admin.members')}`,
    act: t('save'),
    explain: problemText,
    fields: [{ name: 'members', label: t('admin.members'), type: 'checks', value: [...before], options: state.reference.agents }],
    submit: async ({ members }) => ({ members }),
  });
  if (!values) return;
  const after = new Set(values.members);
  doing(async () => {
    for (const id of after) if (!before.has(id)) await admin.put(`teams/${team.id}/members/${id}`);
    for (const id of before) if (!after.has(id)) await admin.remove(`teams/${team.id}/members/${id}`);
  });
}

/** @param {any} team @param {Tools['doing']} doing */
async function editTeamSettings(team, doing) {
  const now = team.settings;
  const values = await openForm({
    title: `${team.name} · ${t('team.settings')}`,
    act: t('save'),
    explain: problemText,
    intro: t('team.explained'),
    fields: [
      { name: 'channels', label: t('team.channels'), type: 'checks', value: now.channels, options: state.reference.channels },
      { name: 'limit', label: t('team.limit'), type: 'number', value: now.limit, hint: t('team.limit-hint') },
      { name: 'sees', label: t('team.sees'), type: 'select', value: now.sees, options: options('team.sees', ['all', 'unowned_and_own']), hint: t('team.sees-hint') },
      { name: 'may_order', label: t('team.may_order'), type: 'checkbox', value: now.may_order },
      { name: 'may_filter', label: t('team.may_filter'), type: 'checkbox', value: now.may_filter, hint: t('team.may_filter-hint') },
    ],
    submit: (settings) => admin.put(`teams/${team.id}/settings`, settings),
  });
  if (values) doing(async () => undefined);
}
