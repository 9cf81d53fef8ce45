// Who has the conversation, and giving it to an agent or a team found by name.

import { conversation } from '../endpoints.js';
import { h } from '../dom.js';
import { icon } from '../icons.js';
import { t } from '../i18n.js';
import { awayName, ownId, state } from '../store.js';
import { act, thread } from '../thread.js';
import { availabilityDot, avatar } from './chips.js';
import { openPicker } from './picker.js';

/** @returns {import('./picker.js').Choice[]} */
export function assignees() {
  const assigned = thread.data?.assignee;
  const me = ownId();
  const agents = state.reference.agents.filter((a) => a.roles?.includes('agent') ?? true);
  agents.sort((a, b) => Number(b.id === me) - Number(a.id === me) || a.name.localeCompare(b.name));
  return [
    ...agents.map((a) => ({
      id: `agent:${a.id}`,
      name: a.name,
      hint: a.id === me ? t('assign.me') : [availabilityName(a.availability), typeof a.open_conversations === 'number' ? t('agents.load', { n: a.open_conversations }) : ''].filter(Boolean).join(' · '),
      before: h('span', { class: 'with-dot' }, avatar(a.name, 'small'), a.availability && availabilityDot(a.availability)),
      section: t('assign.agents'),
      search: a.login,
      chosen: assigned?.agent?.id === a.id,
    })),
    ...state.reference.teams.map((team) => ({
      id: `team:${team.id}`,
      name: team.name,
      before: h('span', { class: 'avatar small team' }, icon('team')),
      section: t('assign.teams'),
      chosen: assigned?.team?.id === team.id,
    })),
  ];
}

/** An availability in words. @param {import('../types.js').Availability|undefined} availability */
export function availabilityName(availability) {
  if (!availability) return '';
  return (availability.kind === 'away_for' && awayName(availability.status)) || t(availability.kind === 'available' ? 'availability.available' : 'availability.away');
}

/** @param {string} choice 'agent:<id>' or 'team:<id>' */
export function target(choice) {
  const [kind, id] = choice.split(':');
  return kind === 'agent' ? { agent: id } : { team: id };
}

/** Asks for whom, and gives it. @param {HTMLElement} anchor */
export function openAssign(anchor) {
  const owned = thread.data?.assignee.agent ?? thread.data?.assignee.team;
  /** @type {() => void} */
  let close = () => {};
  const give = (/** @type {{agent?: string, team?: string}} */ to, /** @type {string} */ name) => act((id) => conversation.assign(id, to), name ? t('assign.done', { name }) : t('assign.undone'));
  close = openPicker(anchor, {
    label: t('assign.label'),
    placeholder: t('assign.search'),
    choices: assignees,
    pick: (choice) => give(target(choice.id), choice.name),
    footer: () => owned && h('button', { type: 'button', class: 'quiet wide', onClick: () => (close(), give({}, '')) }, icon('close'), t('assign.nobody-else')),
  });
}

/** The button above the reply box. */
export function assignButton() {
  const { agent, team } = thread.data?.assignee ?? {};
  const name = agent ? (agent.id === ownId() ? t('assign.you') : agent.name) : team?.name;
  return h(
    'button',
    { type: 'button', class: 'assign-button', 'data-assign': true, 'aria-haspopup': 'listbox', title: `${t('assign.label')} (A)`, disabled: thread.data?.may.work === false, onClick: (/** @type {Event} */ e) => openAssign(/** @type {HTMLElement} */ (e.currentTarget)) },
    agent ? avatar(agent.name, 'small') : icon(team ? 'team' : 'user'),
    h('span', null, name ? h('bdi', null, name) : t('assign.nobody')),
    icon('down'),
  );
}
