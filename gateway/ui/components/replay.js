// A conversation replayed: a slider through its steps, and what was true after each of them.

import { conversation } from '../endpoints.js';
import { fill, h } from '../dom.js';
import { icon } from '../icons.js';
import { exact, second, t } from '../i18n.js';
import { problemText } from '../problems.js';
import { address } from '../router.js';
import { auditActor, auditText, valueText } from './audit-line.js';
import { placeholder, queueBadge, skeleton } from './chips.js';

/** @typedef {import('../types.js').AuditEntry} AuditEntry */
/** @typedef {{queue: import('../types.js').QueueName, owner: string, lock: string, topics: string[], messages: number}} Then */

const STEP_MS = 900;

/** @param {string} id @param {AbortSignal} signal */
export function replayView(id, signal) {
  const element = h('section', { class: 'card replay', 'aria-label': t('audit.replay-title') }, skeleton(2));
  conversation.audit(id).then(
    ({ entries }) => !signal.aborted && (entries.length ? show(element, id, entries, signal) : fill(element, placeholder('audit', t('audit.none')))),
    (error) => fill(element, placeholder('warn', t('list.failed'), problemText(error))),
  );
  return element;
}

/** @param {HTMLElement} element @param {string} id @param {AuditEntry[]} unordered @param {AbortSignal} signal */
function show(element, id, unordered, signal) {
  const entries = [...unordered].sort((a, b) => Date.parse(a.recorded_at) - Date.parse(b.recorded_at));
  let step = entries.length - 1;
  /** @type {ReturnType<typeof setInterval>|undefined} */
  let playing;
  const slider = h('input', { type: 'range', min: '0', max: String(entries.length - 1), value: String(step), 'aria-label': t('audit.slider'), onInput: () => move(Number(slider.value)) });
  const place = h('p', { class: 'muted' });
  const now = h('div', { class: 'replay-now', 'aria-live': 'polite' });
  const then = h('dl', { class: 'facts' });
  const steps = h('ol', { class: 'replay-steps', tabIndex: 0, 'aria-label': t('audit.replay-title') });
  const play = h('button', { type: 'button', onClick: toggle });
  const button = (/** @type {string} */ look, /** @type {import('../i18n.js').Key} */ key, /** @type {() => void} */ act) => h('button', { type: 'button', class: 'icon-button', 'aria-label': t(key), title: t(key), onClick: act }, icon(look));

  /** @param {number} to */
  function move(to) {
    step = Math.max(0, Math.min(entries.length - 1, to));
    slider.value = String(step);
    draw();
  }
  function toggle() {
    if (playing) stop();
    else {
      if (step === entries.length - 1) move(0);
      playing = setInterval(() => (step < entries.length - 1 ? move(step + 1) : stop()), STEP_MS);
    }
    drawPlay();
  }
  function stop() {
    clearInterval(playing);
    playing = undefined;
    drawPlay();
  }
  const drawPlay = () => fill(play, icon(playing ? 'pause' : 'play'), t(playing ? 'audit.pause' : 'audit.play'));

  function draw() {
    const entry = entries[step];
    slider.setAttribute('aria-valuetext', `${t('audit.step', { n: step + 1, total: entries.length })}: ${auditText(entry)}`);
    fill(place, t('audit.step', { n: step + 1, total: entries.length }), ' · ', exact(entry.recorded_at));
    fill(now, h('strong', null, h('bdi', null, auditActor(entry))), ' ', auditText(entry));
    const s = fold(entries.slice(0, step + 1));
    fill(then, [[t('audit.queue'), queueBadge(s.queue)], [t('audit.owner'), s.owner || '—'], [t('audit.lock'), s.lock || '—'], [t('audit.topics'), s.topics.join(', ') || '—'], [t('audit.messages'), String(s.messages)]].map(([label, value]) => [h('dt', null, label), h('dd', null, value)]));
    fill(
      steps,
      entries.map((e, index) => h('li', null, h('button', { type: 'button', class: 'replay-step', 'aria-current': index === step ? 'step' : null, onClick: () => move(index) }, h('time', { datetime: e.recorded_at }, second(e.recorded_at)), h('span', null, h('bdi', null, auditActor(e)), ' ', auditText(e))))),
    );
    const current = /** @type {HTMLElement|null} */ (steps.querySelector('[aria-current]'));
    if (current) steps.scrollTop = current.offsetTop - steps.clientHeight / 2;
  }

  signal.addEventListener('abort', stop);
  fill(
    element,
    h('div', { class: 'manage-head' }, h('h2', null, t('audit.replay-title')), h('a', { href: address(['conversation', id]) }, h('code', null, id.slice(0, 8))), h('span', { class: 'spring' }), h('a', { class: 'icon-button', href: address(['audit']), 'aria-label': t('close') }, icon('close'))),
    h('div', { class: 'replay-controls' }, button('back', 'audit.previous', () => move(step - 1)), play, button('right', 'audit.next', () => move(step + 1)), slider),
    place,
    now,
    h('div', { class: 'two' }, steps, h('div', null, h('h3', null, t('audit.state')), then)),
  );
  drawPlay();
  draw();
}

/** What was true after these steps. @param {AuditEntry[]} entries @returns {Then} */
export function fold(entries) {
  /** @type {Then} */
  const s = { queue: 'new', owner: '', lock: '', topics: [], messages: 0 };
  for (const e of entries) {
    if (e.action === 'message_received' || e.action === 'reply_sent') s.messages++;
    if (e.action === 'conversation_started') s.queue = 'new';
    for (const { field, before, after } of e.details) {
      if (field === 'queue' && after) s.queue = after.value;
      if (field === 'assignee') s.owner = after ? valueText(field, after) : '';
      if (field === 'lock') s.lock = after ? valueText(field, after) : '';
      if (field !== 'topic') continue;
      const topic = valueText(field, after ?? before);
      s.topics = s.topics.filter((name) => name !== topic);
      if (after) s.topics.push(topic);
    }
  }
  return s;
}
