// For operators: health, figures, and the projections with their rebuilds.

import { operate } from '../endpoints.js';
import { fill, h } from '../dom.js';
import { icon } from '../icons.js';
import { number, t } from '../i18n.js';
import { Problem } from '../api.js';
import { problemText } from '../problems.js';
import { placeholder, skeleton } from '../components/chips.js';
import { projectionTable } from '../components/projections.js';

const EVERY_MS = 2000;

/** @param {AbortSignal} signal */
export function operatorPage(signal) {
  const health = h('section', { class: 'card' }, skeleton(2));
  const projections = h('section', { class: 'card flush' }, skeleton(3));
  const figures = h('section', { class: 'card' }, skeleton(3));
  const element = h('div', { class: 'sheet wide' }, h('h1', { tabIndex: -1 }, t('page.operator')), h('p', { class: 'muted' }, t('operator.intro')), h('div', { class: 'cards' }, health, figures), projections);

  const table = projectionTable(drawProjections);

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
    const title = h('h2', { class: 'card-title' }, t('operator.projections'));
    try {
      const { items } = await operate.projections();
      if (!table.element.isConnected) fill(projections, title, table.element);
      table.show(items);
    } catch (error) {
      fill(projections, title, placeholder('pulse', problemText(error)));
    }
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
