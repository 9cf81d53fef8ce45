// Setting up calendars and service level policies: their columns, fields and requests, and trying them on a message.

import { admin, sla } from '../endpoints.js';
import { h } from '../dom.js';
import { duration, moment, t, tSlug } from '../i18n.js';
import { problemText } from '../problems.js';
import { state } from '../store.js';
import { placeholder } from './chips.js';
import { openDialog, openForm } from './dialog.js';

/** @typedef {import('./admin-kinds.js').Kind} Kind */

const DAYS = /** @type {const} */ (['monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday']);
const METRICS = /** @type {const} */ (['first_response', 'next_response', 'resolution']);
/** 2024-01-01 was a Monday. @param {number} day */
const dayName = (day) => new Intl.DateTimeFormat(document.documentElement.lang, { weekday: 'long', timeZone: 'UTC' }).format(new Date(Date.UTC(2024, 0, 1 + day)));

/** '09:00-12:30, 13:30-18:00', as periods. What is none is refused by the server. @param {string} text */
function periods(text) {
  return text.split(',').map((part) => part.trim()).filter(Boolean).map((part) => {
    const [from, to = ''] = part.split(/\s*[-–]\s*/);
    return { from, to };
  });
}
/** @param {{from: string, to: string}[]|undefined} list */
const written = (list) => (list ?? []).map((p) => `${p.from}-${p.to}`).join(', ');
/** Each line as its first word and the rest. @param {string} text */
const lines = (text) => text.split('\n').map((l) => l.trim()).filter(Boolean).map((l) => /** @type {[string, string]} */ ([l.split(' ')[0], l.split(' ').slice(1).join(' ')]));

const applyField = () => ({ name: 'apply_to_open', label: t('sla.apply'), type: /** @type {const} */ ('checkbox'), hint: t('sla.apply-hint') });

/** @type {Kind} */
const calendars = {
  title: (c) => c.name,
  columns: () => [
    { label: t('name'), cell: (c) => h('bdi', null, c.name) },
    { label: t('sla.zone'), cell: (c) => c.zone },
    { label: t('sla.week'), cell: (c) => DAYS.map((day, index) => [dayName(index).slice(0, 3), written(c.week[day])]).filter(([, p]) => p).map(([d, p]) => `${d} ${p}`).join(' · ') || t('sla.closed') },
    { label: t('admin.channels'), cell: (c) => c.channels.map((/** @type {string} */ id) => state.reference.channels.find((x) => x.id === id)?.name).filter(Boolean).join(', ') || '—' },
  ],
  fields: (c) => [
    { name: 'name', label: t('name'), value: c?.name, required: true },
    { name: 'zone', label: t('sla.zone'), value: c?.zone ?? Intl.DateTimeFormat().resolvedOptions().timeZone, required: true, hint: 'Europe/Paris' },
    ...DAYS.map((day, index) => ({ name: day, label: dayName(index), value: c ? written(c.week[day]) : index < 5 ? '09:00-17:00' : '', hint: index ? undefined : t('sla.periods-hint') })),
    { name: 'holidays', label: t('sla.holidays'), type: 'textarea', value: (c?.holidays ?? []).map((/** @type {any} */ d) => `${d.date} ${d.name}`).join('\n'), hint: t('sla.holidays-hint') },
    { name: 'exceptions', label: t('sla.exceptions'), type: 'textarea', value: (c?.exceptions ?? []).map((/** @type {any} */ d) => `${d.date} ${written(d.periods)}`).join('\n'), hint: t('sla.exceptions-hint') },
    { name: 'channels', label: t('sla.calendar-channels'), type: 'checks', value: c?.channels ?? [], options: state.reference.channels },
    applyField(),
  ],
  add: async (v) => chooseChannels((await admin.add('calendars', calendar(v))).id, [], v),
  put: async (c, v) => {
    await admin.put(`calendars/${c.id}`, calendar(v));
    return chooseChannels(c.id, c.channels, v);
  },
  remove: (c) => admin.remove(`calendars/${c.id}`),
  retireLabel: 'remove',
};

/** @param {Record<string, any>} v */
const calendar = (v) => ({
  definition: {
    name: v.name,
    zone: v.zone,
    week: Object.fromEntries(DAYS.map((day) => [day, periods(v[day])])),
    holidays: lines(v.holidays).map(([date, name]) => ({ date, name })),
    exceptions: lines(v.exceptions).map(([date, rest]) => ({ date, periods: periods(rest) })),
  },
  apply_to_open: v.apply_to_open,
});

/** Gives the calendar to its channels, and takes it from those that had it. @param {string} id @param {string[]} before @param {Record<string, any>} v */
async function chooseChannels(id, before, v) {
  for (const channel of v.channels) if (!before.includes(channel)) await admin.put(`channels/${channel}/calendar`, { calendar: id, apply_to_open: v.apply_to_open });
  for (const channel of before) if (!v.channels.includes(channel)) await admin.put(`channels/${channel}/calendar`, { calendar: null, apply_to_open: v.apply_to_open });
  return true;
}

/** @type {Kind} */
const policies = {
  title: (p) => p.name,
  columns: () => [
    { label: t('name'), cell: (p) => h('bdi', null, p.name) },
    { label: t('sla.promise'), cell: (p) => METRICS.filter((m) => p.targets[m]).map((m) => `${tSlug('sla', m)} ${duration(p.targets[m].seconds * 1000)}`).join(' · ') || t('sla.exempt') },
    { label: t('sla.for'), cell: conditions },
  ],
  fields: async (p) => {
    const known = await admin.list('calendars');
    const counting = [{ id: 'business_time', name: t('sla.business') }, { id: 'calendar_time', name: t('sla.always') }];
    const { channels, teams, topics, groups } = state.reference;
    const c = p?.conditions ?? {};
    return [
      { name: 'name', label: t('name'), value: p?.name, required: true },
      ...METRICS.flatMap((m) => [
        { name: m, label: t('sla.minutes', { metric: tSlug('sla', m) }), type: /** @type {const} */ ('number'), value: p?.targets[m] ? p.targets[m].seconds / 60 : null },
        { name: `${m}_counting`, label: t('sla.counting', { metric: tSlug('sla', m) }), type: /** @type {const} */ ('select'), value: p?.targets[m]?.counting ?? 'business_time', options: counting },
      ]),
      { name: 'calendar', label: t('sla.calendar'), type: 'select', value: p?.calendar ?? '', options: [{ id: '', name: t('sla.channel-calendar') }, ...known] },
      { name: 'warn_kind', label: t('sla.warning'), type: 'select', value: p?.warning.left_seconds === undefined ? 'used_percent' : 'left_seconds', options: [{ id: 'used_percent', name: t('sla.used-percent') }, { id: 'left_seconds', name: t('sla.left-minutes') }] },
      { name: 'warn_at', label: t('sla.warning-at'), type: 'number', required: true, value: p ? (p.warning.used_percent ?? p.warning.left_seconds / 60) : 75 },
      { name: 'pending_pauses', label: t('sla.pending-pauses'), type: 'checkbox', value: p?.pending_pauses ?? true },
      { name: 'automatic_replies_count', label: t('sla.automatic'), type: 'checkbox', value: p?.automatic_replies_count },
      { name: 'visibility', label: t('admin.visibility'), type: 'select', value: c.visibility ?? '', options: [{ id: '', name: t('filter.any') }, { id: 'public', name: tSlug('visibility', 'public') }, { id: 'private', name: tSlug('visibility', 'private') }] },
      ...checks('channels', 'admin.channels', c.channels, channels),
      ...checks('teams', 'admin.teams', c.teams, teams),
      ...checks('topics', 'admin.topics', c.topics, topics),
      ...checks('groups', 'admin.groups', c.groups, groups),
      applyField(),
    ];
  },
  add: (v) => admin.add('sla-policies', policy(v)),
  put: (p, v) => admin.put(`sla-policies/${p.id}`, policy(v)),
  remove: (p) => admin.remove(`sla-policies/${p.id}`),
  more: (p, { doing }) => [
    { label: t('sla.earlier'), icon: 'back', act: () => doing(() => move(p.id, -1)) },
    { label: t('sla.later'), icon: 'right', act: () => doing(() => move(p.id, 1)) },
    { label: t('sla.try'), icon: 'play', act: () => tryOut(p) },
  ],
  retireLabel: 'remove',
};

/** @param {string} name @param {import('../i18n.js').Key} label @param {string[]|undefined} value @param {{id: string, name: string}[]} options */
const checks = (name, label, value, options) => (options.length ? [{ name, label: t('sla.for-only', { what: t(label) }), type: /** @type {const} */ ('checks'), value: value ?? [], options }] : []);

/** For whom a policy is. @param {any} p */
function conditions({ conditions: c }) {
  const { channels, teams, topics, groups } = state.reference;
  const names = (/** @type {string[]} */ ids, /** @type {{id: string, name: string}[]} */ known) => ids.map((id) => known.find((x) => x.id === id)?.name ?? '?').join(', ');
  const parts = [names(c.channels, channels), c.visibility && tSlug('visibility', c.visibility), names(c.topics, topics), names(c.groups, groups), names(c.teams, teams)];
  return parts.filter(Boolean).join(' · ') || t('sla.everything');
}

/** @param {Record<string, any>} v */
function policy(v) {
  const targets = Object.fromEntries(METRICS.filter((m) => v[m]).map((m) => [m, { seconds: Math.round(v[m] * 60), counting: v[`${m}_counting`] }]));
  const warning = v.warn_kind === 'used_percent' ? { used_percent: v.warn_at } : { left_seconds: Math.round(v.warn_at * 60) };
  const conditions = { channels: v.channels ?? [], visibility: v.visibility || null, topics: v.topics ?? [], groups: v.groups ?? [], teams: v.teams ?? [] };
  const { name, pending_pauses, automatic_replies_count, apply_to_open } = v;
  return { definition: { name, conditions, targets, calendar: v.calendar || null, warning, pending_pauses, automatic_replies_count }, apply_to_open };
}

/** Moves a policy among those that are tried one after the other. @param {string} id @param {1|-1} step */
async function move(id, step) {
  const order = (await admin.list('sla-policies')).map((/** @type {any} */ p) => p.id);
  const at = order.indexOf(id);
  const to = Math.min(Math.max(at + step, 0), order.length - 1);
  order.splice(to, 0, order.splice(at, 1)[0]);
  await admin.put('sla-policies', { order });
}

/** Tells what would be due for a message at an instant. @param {any} p the policy that was asked from */
async function tryOut(p) {
  const now = new Date(Date.now() - new Date().getTimezoneOffset() * 60e3).toISOString().slice(0, 16);
  const { channels, teams, topics, groups } = state.reference;
  const none = { id: '', name: '—' };
  const told = await openForm({
    title: t('sla.try'),
    intro: t('sla.try-hint'),
    act: t('sla.try-act'),
    explain: problemText,
    fields: [
      { name: 'at', label: t('sla.try-at'), type: 'datetime-local', value: now, required: true },
      { name: 'channel', label: t('filter.channel'), type: 'select', value: p.conditions.channels[0] ?? channels[0]?.id, options: channels },
      { name: 'topic', label: t('filter.topic'), type: 'select', options: [none, ...topics] },
      { name: 'team', label: t('filter.team'), type: 'select', options: [none, ...teams] },
      { name: 'group', label: t('admin.groups'), type: 'select', options: [none, ...groups] },
      { name: 'alone', label: t('sla.try-alone', { name: p.name }), type: 'checkbox' },
    ],
    submit: (v) => {
      const { id: _, ...definition } = p;
      return sla.tryOut({ at: new Date(v.at).toISOString(), channel: v.channel, topics: v.topic ? [v.topic] : [], groups: v.group ? [v.group] : [], team: v.team || null, policy: v.alone ? definition : null });
    },
  });
  if (!told) return;
  const known = await admin.list('sla-policies');
  const name = known.find((/** @type {any} */ x) => x.id === told.policy)?.name;
  openDialog({
    title: t('sla.tried'),
    body: () =>
      told.promises.length
        ? [
            name && h('p', null, t('sla.tried-by', { name })),
            h('dl', { class: 'facts' }, told.promises.map((/** @type {any} */ it) => [h('dt', null, tSlug('sla', it.metric)), h('dd', null, it.due_at ? moment(it.due_at) : t('sla.never'), it.warned_at && h('small', { class: 'muted block' }, t('sla.warned', { at: moment(it.warned_at) })))])),
          ]
        : placeholder('clock', t('sla.nothing-promised'), name && t('sla.tried-by', { name })),
  });
}

/** @type {Record<string, Kind>} */
export const slaKinds = { 'sla-policies': policies, calendars };
