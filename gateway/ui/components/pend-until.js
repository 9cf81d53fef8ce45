// When a pended conversation comes back by itself: the times that are offered, and one of the agent's own.

import { moment, t } from '../i18n.js';
import { openForm } from './dialog.js';
import { openMenu } from './menu.js';

const HOUR_MS = 3600e3;
const WORK_BEGINS_HOUR = 9;

/** @param {HTMLElement} anchor @param {(until: string) => void} pend is given the instant */
export function openPendUntil(anchor, pend) {
  const monday = daysToMonday();
  /** @type {[import('../i18n.js').Key, Date][]} */
  const offered = [['pend.hour', inHours(1)], ['pend.hours', inHours(3)], ['pend.tomorrow', morning(1)]];
  if (monday > 1) offered.push(['pend.monday', morning(monday)]);
  openMenu(
    anchor,
    t('pend.until'),
    [
      { heading: t('pend.until') },
      ...offered.map(([key, at]) => ({ label: `${t(key)} · ${moment(at.toISOString())}`, icon: 'clock', act: () => pend(at.toISOString()) })),
      'line',
      { label: t('pend.choose'), icon: 'pencil', act: () => ask(pend) },
    ],
    { align: 'end' },
  );
}

/** @param {(until: string) => void} pend */
function ask(pend) {
  const first = morning(1);
  openForm({
    title: t('pend.until'),
    act: t('state.pend'),
    intro: t('pend.explained'),
    fields: [{ name: 'at', label: t('pend.time'), type: 'datetime-local', required: true, value: local(first) }],
    submit: async ({ at }) => {
      const until = new Date(at);
      if (until.getTime() <= Date.now()) throw new Error('not ahead');
      pend(until.toISOString());
    },
    explain: () => t('pend.past'),
  });
}

/** On the full minute. @param {number} hours */
const inHours = (hours) => new Date(Math.ceil((Date.now() + hours * HOUR_MS) / 60e3) * 60e3);

/** @param {number} days */
function morning(days) {
  const now = new Date();
  return new Date(now.getFullYear(), now.getMonth(), now.getDate() + days, WORK_BEGINS_HOUR);
}

/** Monday of the next week, where today is Monday too. */
const daysToMonday = () => ((7 - new Date().getDay()) % 7) + 1;

/** As a field for a date and time wants it. @param {Date} at */
const local = (at) => new Date(at.getTime() - at.getTimezoneOffset() * 60e3).toISOString().slice(0, 16);
