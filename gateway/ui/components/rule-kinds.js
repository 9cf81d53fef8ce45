// Setting up rules: their columns, fields and requests, their order, and trying them on a message. The screen makes
// rules of one condition a line, or of one line; what others made with more is kept as it is.

import { admin, rules as api } from '../endpoints.js';
import { h } from '../dom.js';
import { t, tSlug } from '../i18n.js';
import { problemText } from '../problems.js';
import { state } from '../store.js';
import { placeholder } from './chips.js';
import { openDialog, openForm } from './dialog.js';

/** @typedef {import('./admin-kinds.js').Kind} Kind */
/** @typedef {import('./dialog.js').Field} Field */

const TRIGGERS = ['message', 'new', 'pending'];
const WHICH = ['any', 'all', 'none'];
const none = () => ({ id: '', name: '—' });
const yesNo = () => [none(), { id: 'true', name: t('yes') }, { id: 'false', name: t('no') }];
/** @param {string[]} ids @param {{id: string, name: string}[]} known */
const names = (ids, known) => ids.map((id) => known.find((x) => x.id === id)?.name ?? '?').join(', ');
/** @param {string} prefix @param {string[]} slugs */
const options = (prefix, slugs) => slugs.map((id) => ({ id, name: tSlug(prefix, id) }));

/** Whether one condition is enough: the rule is one line of several. @param {any} rule */
const isAny = (rule) => rule?.when.length === 1 && rule.when[0].length > 1;
/** What the form can show: conditions that stand alone in their line, or all of the only line. @param {any} rule @returns {any[]} */
const shownOf = (rule) => (isAny(rule) ? rule.when[0] : (rule?.when ?? []).filter((/** @type {any[]} */ line) => line.length === 1).flat());
/** The first condition of this name that the form can show. @param {any} rule @param {string} kind */
const asked = (rule, kind) => shownOf(rule).find((c) => kind in c)?.[kind];
/** @param {any} rule @param {string} kind */
const done = (rule, kind) => rule?.then.find((/** @type {any} */ act) => typeof act === 'object' && kind in act)?.[kind];
/** @param {any} rule */
const triggerOf = (rule) => (rule && rule.trigger !== 'message' ? rule.trigger.quiet.queue : 'message');

/** What a rule asks, in words. @param {any} rule */
function asksText(rule) {
  const { channels, topics, groups, teams } = state.reference;
  /** @param {Record<string, any>} c */
  const one = (c) => {
    const [kind, value] = Object.entries(c)[0];
    if (kind === 'words') return `“${value.join('”, “')}”`;
    if (kind === 'pattern') return `/${value}/`;
    if (kind === 'channels') return names(value, channels);
    if (kind === 'teams') return names(value, teams);
    if (kind === 'topics') return `${tSlug('rule.which', value.which)} ${names(value.of, topics)}`;
    if (kind === 'groups') return `${tSlug('rule.which', value.which)} ${names(value.of, groups)}`;
    if (kind === 'visibility') return tSlug('visibility', value);
    if (kind === 'hours') return t(value.open ? 'rule.open' : 'rule.closed');
    return `${tSlug('rule', kind)}: ${t(value ? 'yes' : 'no')}`;
  };
  const lines = rule.when.map((/** @type {any[]} */ line) => line.map(one).join(` ${t('rule.or')} `));
  const first = rule.trigger === 'message' ? [] : [t('rule.quiet-for', { hours: String(rule.trigger.quiet.seconds / 3600), queue: tSlug('queue', rule.trigger.quiet.queue) })];
  return [...first, ...lines].join(' · ') || t('sla.everything');
}

/** What an act does, in words. @param {any} act */
function actText(act) {
  if (typeof act === 'string') return tSlug('rule', act);
  const [kind, value] = Object.entries(act)[0];
  const known = kind === 'assign_team' ? state.reference.teams : kind === 'join_group' ? state.reference.groups : state.reference.topics;
  if (kind === 'reply') return `${t('rule.reply')}: ${String(value).slice(0, 60)}`;
  if (kind === 'score') return `${t('rule.score')} ${value}`;
  if (kind === 'fill_attribute') return `${value.key} = ${value.value ?? '( )'}`;
  return `${tSlug('rule', kind)}: ${names([/** @type {string} */ (value)], known)}`;
}

/** @param {any} item */
async function fields(item) {
  const rule = item?.definition;
  const { channels, teams, topics, groups, attributes } = state.reference;
  const calendars = await admin.list('calendars');
  const hours = asked(rule, 'hours');
  const fill = done(rule, 'fill_attribute');
  /** @type {Field[]} */
  const made = [
    { name: 'name', label: t('name'), value: rule?.name, required: true },
    { name: 'on', label: t('rule.on'), type: 'checkbox', value: rule?.on ?? true },
    { name: 'trigger', label: t('rule.trigger'), type: 'select', value: triggerOf(rule), options: options('rule.trigger', TRIGGERS) },
    { name: 'hours', label: t('rule.hours'), type: 'number', value: rule && rule.trigger !== 'message' ? rule.trigger.quiet.seconds / 3600 : null, hint: t('rule.hours-hint') },
    { name: 'enough', label: t('rule.enough'), type: 'select', value: isAny(rule) ? 'any' : 'all', options: options('rule.enough', ['all', 'any']) },
    { name: 'words', label: t('rule.words'), type: 'textarea', value: (asked(rule, 'words') ?? []).join('\n'), hint: t('rule.words-hint') },
    { name: 'pattern', label: t('rule.pattern'), value: asked(rule, 'pattern') },
    { name: 'first_message', label: t('rule.first_message'), type: 'select', value: String(asked(rule, 'first_message') ?? ''), options: yesNo() },
    { name: 'has_team', label: t('rule.has_team'), type: 'select', value: String(asked(rule, 'has_team') ?? ''), options: yesNo() },
    { name: 'visibility', label: t('admin.visibility'), type: 'select', value: asked(rule, 'visibility') ?? '', options: [none(), ...options('visibility', ['private', 'public'])] },
    { name: 'open', label: t('rule.business'), type: 'select', value: hours ? String(hours.open) : '', options: [none(), { id: 'true', name: t('rule.open') }, { id: 'false', name: t('rule.closed') }] },
    { name: 'calendar', label: t('sla.calendar'), type: 'select', value: hours?.calendar ?? '', options: [{ id: '', name: t('sla.channel-calendar') }, ...calendars] },
    ...checks('channels', 'admin.channels', asked(rule, 'channels'), channels),
    ...checks('teams', 'admin.teams', asked(rule, 'teams'), teams),
    ...several('topics', 'admin.topics', asked(rule, 'topics'), topics),
    ...several('groups', 'admin.groups', asked(rule, 'groups'), groups),
    { name: 'add_topic', label: t('rule.add_topic'), type: 'select', value: done(rule, 'add_topic') ?? '', options: [none(), ...topics] },
    { name: 'assign_team', label: t('rule.assign_team'), type: 'select', value: done(rule, 'assign_team') ?? '', options: [none(), ...teams] },
    { name: 'join_group', label: t('rule.join_group'), type: 'select', value: done(rule, 'join_group') ?? '', options: [none(), ...groups] },
    { name: 'score', label: t('rule.score'), type: 'number', value: done(rule, 'score') },
    { name: 'fill_key', label: t('rule.fill'), type: 'select', value: fill?.key ?? '', options: [none(), ...attributes.map((/** @type {any} */ a) => ({ id: a.key, name: a.label ?? a.definition?.label ?? a.key }))] },
    { name: 'fill_value', label: t('rule.fill-value'), value: fill?.value, hint: t('rule.fill-hint') },
    { name: 'reply', label: t('rule.reply'), type: 'textarea', value: done(rule, 'reply'), hint: t('rule.reply-hint') },
    { name: 'ends', label: t('rule.ends'), type: 'select', value: rule?.then.find((/** @type {any} */ a) => typeof a === 'string') ?? '', options: [none(), ...options('rule', ['resolve', 'bring_back'])] },
    { name: 'last', label: t('rule.last'), type: 'checkbox', value: rule?.last ?? false },
  ];
  return made;
}

/** @param {string} name @param {import('../i18n.js').Key} label @param {string[]|undefined} value @param {{id: string, name: string}[]} known @returns {Field[]} */
const checks = (name, label, value, known) => (known.length ? [{ name, label: t('sla.for-only', { what: t(label) }), type: 'checks', value: value ?? [], options: known }] : []);
/** @param {string} name @param {import('../i18n.js').Key} label @param {any} value @param {{id: string, name: string}[]} known @returns {Field[]} */
const several = (name, label, value, known) => (known.length ? [{ name: `${name}_which`, label: t(label), type: 'select', value: value?.which ?? 'any', options: options('rule.which', WHICH) }, ...checks(name, label, value?.of, known)] : []);

/** Lines, conditions and acts that the form has no field for. @param {any} rule */
function kept(rule) {
  const shown = ['words', 'pattern', 'first_message', 'has_team', 'visibility', 'hours', 'channels', 'teams', 'topics', 'groups'];
  const acts = ['add_topic', 'assign_team', 'join_group', 'score', 'fill_attribute', 'reply'];
  /** @type {Set<string>} */
  const seen = new Set();
  /** The form shows the first of each. @param {string} key */
  const again = (key) => seen.has(key) || !seen.add(key);
  const beyond = (/** @type {any} */ c) => !shown.includes(Object.keys(c)[0]) || again(Object.keys(c)[0]);
  const asks = shownOf(rule).filter(beyond);
  const when = isAny(rule) ? [] : (rule?.when ?? []).filter((/** @type {any[]} */ line) => line.length > 1);
  const then = (rule?.then ?? []).filter((/** @type {any} */ act) => (typeof act === 'string' ? again('ends') : !acts.includes(Object.keys(act)[0]) || again(`then ${Object.keys(act)[0]}`)));
  return { when, asks, then };
}

/** @param {any} before @param {Record<string, any>} v */
function definition(before, v) {
  const { when, asks, then } = kept(before);
  const words = v.words.split('\n').map((/** @type {string} */ w) => w.trim()).filter(Boolean);
  const flag = (/** @type {string} */ text) => text === 'true';
  if (v.channels?.length) asks.push({ channels: v.channels });
  if (v.visibility) asks.push({ visibility: v.visibility });
  if (words.length) asks.push({ words });
  if (v.pattern) asks.push({ pattern: v.pattern });
  if (v.first_message) asks.push({ first_message: flag(v.first_message) });
  if (v.has_team) asks.push({ has_team: flag(v.has_team) });
  if (v.open) asks.push({ hours: { open: flag(v.open), calendar: v.calendar || null } });
  if (v.teams?.length) asks.push({ teams: v.teams });
  for (const kind of ['topics', 'groups']) if (v[kind]?.length) asks.push({ [kind]: { which: v[`${kind}_which`], of: v[kind] } });
  if (v.enough === 'any' && asks.length) when.push(asks);
  else when.push(...asks.map((c) => [c]));
  for (const kind of ['add_topic', 'assign_team', 'join_group']) if (v[kind]) then.push({ [kind]: v[kind] });
  if (v.score !== null) then.push({ score: v.score });
  if (v.fill_key) then.push({ fill_attribute: { key: v.fill_key, value: v.fill_value || null } });
  if (v.reply.trim()) then.push({ reply: v.reply });
  if (v.ends) then.push(v.ends);
  const trigger = v.trigger === 'message' ? 'message' : { quiet: { queue: v.trigger, seconds: Math.round((v.hours ?? 0) * 3600) } };
  return { name: v.name, on: v.on, trigger, when, then, last: v.last };
}

/** @param {string} id @param {1|-1} step */
async function move(id, step) {
  const order = (await admin.list('rules')).map((/** @type {any} */ r) => r.id);
  const at = order.indexOf(id);
  const to = Math.min(Math.max(at + step, 0), order.length - 1);
  order.splice(to, 0, order.splice(at, 1)[0]);
  await admin.put('rules', { order });
}

/** Tells which rules a message would set off; nothing is written. @param {any} item the rule that was asked from */
async function tryOut(item) {
  const { channels, topics, groups } = state.reference;
  const told = await openForm({
    title: t('rule.try'),
    act: t('rule.try'),
    explain: problemText,
    fields: [
      { name: 'text', label: t('rule.try-text'), type: 'textarea', required: true },
      { name: 'channel', label: t('filter.channel'), type: 'select', options: channels },
      { name: 'topic', label: t('filter.topic'), type: 'select', options: [none(), ...topics] },
      { name: 'group', label: t('admin.groups'), type: 'select', options: [none(), ...groups] },
      { name: 'first', label: t('rule.first_message'), type: 'checkbox', value: true },
      { name: 'alone', label: t('sla.try-alone', { name: item.definition.name }), type: 'checkbox' },
    ],
    submit: (v) => api.tryOut({ text: v.text, channel: v.channel, first: v.first, topics: v.topic ? [v.topic] : [], groups: v.group ? [v.group] : [], definition: v.alone ? item.definition : null }),
  });
  if (!told) return;
  const items = /** @type {any[]} */ (told.items);
  openDialog({
    title: t('rule.try'),
    body: () => (items.length ? h('ol', null, items.map((m) => h('li', null, h('strong', null, m.name), h('div', null, m.acts.map(actText).join(' · ')), m.captured && h('code', null, m.captured)))) : placeholder('inbox', t('rule.none-match'))),
  });
}

/** @type {Kind} */
const rules = {
  title: (r) => r.definition.name,
  columns: () => [
    { label: t('name'), cell: (r) => h('bdi', null, r.definition.name) },
    { label: t('rule.on'), cell: (r) => t(r.definition.on ? 'yes' : 'no') },
    { label: t('rule.when'), cell: (r) => asksText(r.definition) },
    { label: t('rule.then'), cell: (r) => r.definition.then.map(actText).join(' · ') },
  ],
  fields,
  add: (v) => admin.add('rules', { definition: definition(null, v) }),
  put: (r, v) => admin.put(`rules/${r.id}`, { definition: definition(r.definition, v) }),
  remove: (r) => admin.remove(`rules/${r.id}`),
  more: (r, { doing }) => [
    { label: t(r.definition.on ? 'rule.switch-off' : 'rule.switch-on'), icon: 'check', act: () => doing(() => admin.put(`rules/${r.id}`, { definition: { ...r.definition, on: !r.definition.on } })) },
    { label: t('sla.earlier'), icon: 'back', act: () => doing(() => move(r.id, -1)) },
    { label: t('sla.later'), icon: 'right', act: () => doing(() => move(r.id, 1)) },
    { label: t('rule.try'), icon: 'play', act: () => tryOut(r) },
  ],
  retireLabel: 'remove',
};

/** @type {Record<string, Kind>} */
export const ruleKinds = { rules };
