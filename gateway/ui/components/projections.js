// The projections as operators see and work them: how each fares, rebuilding one beside the one in use, comparing the
// two row by row, exchanging them, going back.

import { operate } from '../endpoints.js';
import { fill, h, keyed } from '../dom.js';
import { ago, duration, number, size, t } from '../i18n.js';
import { problemText } from '../problems.js';
import { confirm, openDialog, openForm } from './dialog.js';
import { tell } from './toast.js';

const HEAD = /** @type {const} */ (['name', 'operator.state', 'operator.position', 'operator.behind', 'operator.rate', 'operator.rows', 'operator.size', 'operator.last-rebuild']);

/**
 * A table that follows what it is told.
 * @param {() => Promise<any>} refresh asks the server again
 * @returns {{element: HTMLElement, show: (projections: any[]) => void}}
 */
export function projectionTable(refresh) {
  const body = h('tbody');
  const columns = HEAD.map((key) => h('th', { scope: 'col' }, t(key)));
  const acts = h('th', { scope: 'col' }, h('span', { class: 'visually-hidden' }, t('operator.acts')));
  const table = h('table', { class: 'table' }, h('thead', null, h('tr', null, columns, acts)), body);
  const element = h('div', { class: 'table-box', tabIndex: 0, role: 'region', 'aria-label': t('operator.projections') }, table);

  const show = (/** @type {any[]} */ projections) => {
    const focused = document.activeElement instanceof HTMLElement && body.contains(document.activeElement) ? document.activeElement.dataset.act : undefined;
    keyed(body, projections, (p) => ({ key: p.name, same: JSON.stringify(p) }), (p) => row(p, refresh));
    // A row that changed was built anew: the button that had the focus has it again.
    if (focused && !body.contains(document.activeElement)) /** @type {HTMLElement|null} */ (body.querySelector(`[data-act="${CSS.escape(focused)}"]`))?.focus();
  };
  return { element, show };
}

/** @param {any} p @param {() => Promise<any>} refresh */
function row(p, refresh) {
  const last = p.rebuilds[0];
  const lag = p.lag_events === 0 ? '0' : `${number(p.lag_events)} (${duration(p.lag_s * 1000)})`;
  const cell = (/** @type {import('../dom.js').Child} */ text) => h('td', { class: 'number' }, text);
  return h(
    'tr',
    { 'data-key': p.name },
    h('th', { scope: 'row' }, p.name),
    h('td', null, state(p)),
    cell(p.position),
    cell(lag),
    cell(t('operator.per-second', { n: Math.round(p.events_per_s) })),
    cell(p.rows === null ? '—' : number(p.rows)),
    cell([size(p.bytes), p.kept_bytes > 0 && h('span', { class: 'muted' }, ` + ${size(p.kept_bytes)}`)]),
    cell(last ? `${t(`operator.outcome-${/** @type {'ready'|'cancelled'|'failed'} */ (last.outcome)}`)}, ${ago(last.ended_at)}` : '—'),
    h('td', { class: 'nowrap end' }, h('div', { class: 'row-actions' }, buttons(p, refresh))),
  );
}

/** @param {any} p */
function state(p) {
  const r = p.rebuild;
  const bar = r?.state === 'running' && [
    h('progress', { max: String(Math.max(r.total, 1)), value: String(r.done), 'aria-label': t('operator.rebuilding', { name: p.name }) }),
    h('span', { class: 'muted' }, ` ${number(r.done)} / ${number(r.total)}${r.events_per_s ? `, ${t('operator.per-second', { n: Math.round(r.events_per_s) })}` : ''}${r.time_left_s === null ? '' : `, ${t('operator.left', { time: duration(r.time_left_s * 1000) })}`}`),
  ];
  const failed = r?.state === 'failed' && h('div', { class: 'state-bad' }, t('operator.rebuild-failed', { reason: r.reason ?? '' }));
  const compared = comparison(p.comparison);
  const halted = p.reason && h('div', { class: 'muted' }, p.halted_on ? t('operator.halted-on', { event: p.halted_on, position: p.halted_at }) : '', ' ', p.reason);
  const word = t(`operator.is-${/** @type {'running'|'halted'|'upgrading'|'mending'|'stopped'} */ (p.state)}`);
  return [h('span', { class: p.state === 'halted' ? 'state-bad' : p.state === 'running' ? 'state-good' : '' }, word), halted, bar && h('div', null, bar), failed, compared && h('div', { class: 'muted' }, compared)];
}

/** @param {any} c */
function comparison(c) {
  if (!c) return '';
  if (c.running) return t('operator.comparing');
  if (c.found) return c.found.differing === 0 ? t('operator.same', { n: c.found.served_rows }) : t('operator.differ', { n: c.found.differing });
  return c.failed ?? '';
}

/** @param {any} p @param {() => Promise<any>} refresh */
function buttons(p, refresh) {
  const act = (/** @type {() => Promise<any>} */ work) => async (/** @type {Event} */ event) => {
    const button = /** @type {HTMLButtonElement} */ (event.currentTarget);
    button.disabled = true;
    try {
      await work();
    } catch (error) {
      tell(problemText(error), 'error');
    }
    button.disabled = false;
    await refresh();
  };
  const button = (/** @type {import('../i18n.js').Key} */ key, /** @type {() => Promise<any>} */ work) => h('button', { type: 'button', 'data-act': `${p.name} ${key}`, onClick: act(work) }, t(key));
  if (p.rebuild?.state === 'running') return button('cancel', () => operate.cancelRebuild(p.name));
  return [
    p.state === 'halted' && button('operator.retry', () => operate.act(p.name, 'retry')),
    button(p.unfinished ? 'operator.resume' : 'operator.rebuild', () => rebuild(p)),
    p.rebuilt && button('operator.compare', () => compare(p)),
    p.rebuilt && button('operator.swap', () => swap(p)),
    p.can_roll_back && button('operator.rollback', () => operate.act(p.name, 'rollback')),
    p.kept_bytes > 0 && button('operator.drop', () => drop(p)),
  ];
}

/** @param {any} p */
async function rebuild(p) {
  const estimate = await operate.act(p.name, 'rebuild', { dry_run: true });
  const intro = t('operator.estimate', { events: estimate.events, time: duration(estimate.time_s * 1000), size: size(estimate.bytes) });
  await openForm({
    title: t('operator.rebuilding', { name: p.name }),
    act: t(p.unfinished ? 'operator.resume' : 'operator.rebuild'),
    intro,
    explain: problemText,
    fields: [
      { name: 'max_rate', label: t('operator.max-rate'), type: 'number', hint: t('operator.max-rate-hint') },
      { name: 'gently', label: t('operator.gently'), type: 'checkbox', value: true },
      { name: 'afresh', label: t('operator.afresh'), type: 'checkbox', value: false },
    ],
    submit: ({ max_rate: rate, gently, afresh }) => operate.act(p.name, 'rebuild', { max_rate: Number(rate) > 0 ? Math.round(Number(rate)) : null, nice: gently ? 10 : 0, afresh }),
  });
}

/** @param {any} p */
async function compare(p) {
  const found = await operate.act(p.name, 'compare', { shown_max: 50 });
  if (found.differing === undefined) return;
  if (found.differing === 0) {
    tell(t('operator.same', { n: found.served_rows }));
    return;
  }
  const line = (/** @type {any} */ d) => [
    h('dt', null, `${d.table} ${d.key}`),
    h('dd', null, h('div', null, t('operator.served'), ' ', h('code', null, d.served ?? '—')), h('div', null, t('operator.rebuilt'), ' ', h('code', null, d.rebuilt ?? '—'))),
  ];
  const body = h('div');
  fill(body, h('p', { class: 'state-bad' }, t('operator.differ', { n: found.differing })), h('dl', { class: 'facts dense', tabIndex: 0 }, found.differences.map(line)));
  await openDialog({ title: t('operator.compared', { name: p.name }), body: () => body });
}

/** @param {any} p */
async function swap(p) {
  const same = p.comparison?.found?.differing === 0;
  const sure = same || (await confirm({ title: t('operator.swap-question', { name: p.name }), text: t('operator.swap-unproved'), act: t('operator.swap') }));
  if (sure) await operate.act(p.name, 'swap', { force: !same });
}

/** @param {any} p */
async function drop(p) {
  const question = { title: t('operator.drop-question', { name: p.name }), text: t('operator.drop-explained', { size: size(p.kept_bytes) }), act: t('operator.drop') };
  if (await confirm(question)) await operate.act(p.name, 'drop');
}
