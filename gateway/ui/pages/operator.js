// For operators: health, figures, and the projections with their rebuilds.

import { operate } from '../endpoints.js';
import { fill, h } from '../dom.js';
import { icon } from '../icons.js';
import { duration, number, t } from '../i18n.js';
import { Problem } from '../api.js';
import { problemText } from '../problems.js';
import { placeholder, skeleton } from '../components/chips.js';
import { tell } from '../components/toast.js';

const EVERY_MS = 2000;

/** @param {AbortSignal} signal */
export function operatorPage(signal) {
  const health = h('section', { class: 'card' }, skeleton(2));
  const projections = h('section', { class: 'card flush' }, skeleton(3));
  const figures = h('section', { class: 'card' }, skeleton(3));
  const element = h('div', { class: 'sheet wide' }, h('h1', { tabIndex: -1 }, t('page.operator')), h('p', { class: 'muted' }, t('operator.intro')), h('div', { class: 'cards' }, health, figures), projections);

  async function refresh() {
    await Promise.all([drawHealth(), drawProjections(), drawFigures()]);
    if (!signal.aborted) timer = setTimeout(refresh, EVERY_MS);
  }

  async function drawHealth() {
    /** @type {any} */
    let body;
    let ready = true;
    try {
      body = await operate.ready();
    } catch (error) {
      ready = false;
      body = error instanceof Problem ? error.body : {};
    }
    /** @type {{name: string, ok: boolean, detail?: string}[]} */
    const checks = Array.isArray(body?.checks) ? body.checks : [];
    const line = (/** @type {{name: string, ok: boolean, detail?: string}} */ c) => [h('dt', null, c.name.replaceAll(/[_.-]/g, ' ')), h('dd', { class: c.ok ? 'state-good' : 'state-bad' }, icon(c.ok ? 'check' : 'warn'), ' ', t(c.ok ? 'operator.ready' : 'operator.not-ready'), c.detail && h('span', { class: 'muted' }, ` ${c.detail}`))];
    fill(health, h('h2', null, t('operator.health')), h('p', { class: ready ? 'state-good' : 'state-bad', role: 'status' }, t(ready ? 'operator.ready' : 'operator.not-ready')), h('dl', { class: 'facts' }, checks.map(line)));
  }

  async function drawProjections() {
    try {
      const answer = await operate.projections();
      /** @type {any[]} */
      const items = Array.isArray(answer) ? answer : (answer.items ?? answer.projections ?? []);
      const head = /** @type {const} */ (['name', 'operator.version', 'operator.state', 'operator.position', 'operator.behind']);
      fill(
        projections,
        h('h2', { class: 'card-title' }, t('operator.projections')),
        items.length
          ? h('div', { class: 'table-box', tabIndex: 0, role: 'region', 'aria-label': t('operator.projections') }, h('table', { class: 'table' }, h('thead', null, h('tr', null, head.map((key) => h('th', { scope: 'col' }, t(key))), h('th', null, h('span', { class: 'visually-hidden' }, t('operator.rebuild'))))), h('tbody', null, items.map(line))))
          : placeholder('pulse', t('operator.none')),
      );
    } catch (error) {
      const missing = error instanceof Problem && error.status === 404;
      fill(projections, h('h2', { class: 'card-title' }, t('operator.projections')), placeholder('pulse', missing ? t('operator.unavailable') : problemText(error)));
    }
  }

  /** @param {any} p */
  function line(p) {
    const r = p.rebuild;
    const act = (/** @type {string} */ what) => operate.act(p.name, what).then(drawProjections, (error) => tell(problemText(error), 'error'));
    const button = (/** @type {import('../i18n.js').Key} */ key, /** @type {string} */ what) => h('button', { type: 'button', onClick: () => act(what) }, t(key));
    return h(
      'tr',
      null,
      h('th', { scope: 'row' }, p.name),
      h('td', null, String(p.version ?? '')),
      h('td', null, r ? [h('progress', { max: '1', value: r.part ?? 0, 'aria-label': t('operator.rebuild') }), ' ', r.left_ms ? t('operator.left', { time: duration(r.left_ms) }) : ''] : String(p.state ?? t('operator.ready'))),
      h('td', { class: 'number' }, String(p.position ?? '')),
      h('td', { class: 'number' }, typeof p.behind === 'number' ? number(p.behind) : '—'),
      h('td', { class: 'nowrap' }, r ? [button('operator.compare', 'compare'), button('operator.swap', 'swap')] : button('operator.rebuild', 'rebuild')),
    );
  }

  async function drawFigures() {
    try {
      const text = await operate.metrics();
      const lines = text.split('\n').filter((l) => l && !l.startsWith('#') && !l.includes('_bucket'));
      fill(figures, h('h2', null, t('operator.figures')), h('dl', { class: 'facts dense', tabIndex: 0, 'aria-label': t('operator.figures') }, lines.slice(0, 60).map((l) => {
        const [, name, value] = /^(.*)\s(\S+)$/.exec(l) ?? [];
        return [h('dt', null, name ?? l), h('dd', null, value ? number(Number(value)) : '')];
      })));
    } catch (error) {
      fill(figures, h('h2', null, t('operator.figures')), h('p', { class: 'muted' }, error instanceof Problem && error.status === 404 ? t('operator.unavailable') : problemText(error)));
    }
  }

  /** @type {ReturnType<typeof setTimeout>|undefined} */
  let timer;
  signal.addEventListener('abort', () => clearTimeout(timer));
  refresh();
  return { element };
}
