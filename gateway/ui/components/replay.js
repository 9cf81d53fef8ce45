// A conversation replayed: a slider through its steps, and what was true after each of them.

import { conversation } from '../endpoints.js';
import { fill, h } from '../dom.js';
import { icon } from '../icons.js';
import { exact, second, t } from '../i18n.js';
import { problemText } from '../problems.js';
import { address } from '../router.js';
import { auditActor, auditText } from './audit-line.js';
import { placeholder, queueBadge, skeleton } from './chips.js';

/** @typedef {import('../types.js').AuditEntry} AuditEntry */
/** @typedef {import('../types.js').ReplayStep} ReplayStep */

const STEP_MS = 900;

/** @param {string} id @param {AbortSignal} signal */
export function replayView(id, signal) {
  const element = h('section', { class: 'card replay', 'aria-label': t('audit.replay-title') }, skeleton(2));
  Promise.all([conversation.replay(id), conversation.audit(id)]).then(
    ([{ steps }, { entries }]) => !signal.aborted && show(element, id, steps, entries, signal),
    (error) => fill(element, placeholder('warn', t('list.failed'), problemText(error))),
  );
  return element;
}

/** @param {HTMLElement} element @param {string} id @param {ReplayStep[]} replayed @param {AuditEntry[]} trail @param {AbortSignal} signal */
function show(element, id, replayed, trail, signal) {
  const worded = new Map(trail.map((entry) => [entry.position, entry]));
  /** The step in the words of the trail, which may be a moment behind. @type {(step: ReplayStep) => AuditEntry} */
  const inWords = (step) => worded.get(step.position) ?? { ...step, object: { kind: 'conversation', id, name: null }, details: [], cause: null, correlation: null, bulk: null, command: null };
  const entries = replayed.map(inWords);
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
    const { said, state: s } = replayed[step];
    fill(now, h('strong', null, h('bdi', null, auditActor(entry))), ' ', auditText(entry), said && h('blockquote', { class: said.text === null ? 'muted' : '', 'aria-label': t('audit.said') }, said.text ?? t(said.masked ? 'audit.masked' : 'audit.gone')));
    const owner = [s.agent, s.team].filter((it) => it !== null).map((it) => it.name).join(', ');
    fill(then, [[t('audit.queue'), queueBadge(s.queue)], [t('audit.owner'), owner || '—'], [t('audit.lock'), s.lock?.name || '—'], [t('audit.topics'), s.topics.map((topic) => topic.name).join(', ') || '—'], [t('audit.messages'), String(s.messages)]].map(([label, value]) => [h('dt', null, label), h('dd', null, value)]));
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
