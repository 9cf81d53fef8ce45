// The filters above a queue: by whose it is, channel, team, topic and text, and the order.

import { debounce, fill, h } from '../dom.js';
import { icon } from '../icons.js';
import { t } from '../i18n.js';
import { list, order } from '../queue.js';
import { on, state } from '../store.js';
import { openMenu } from './menu.js';
import { openPicker } from './picker.js';

/** @typedef {import('../types.js').Filters} Filters */

/**
 * @param {AbortSignal} signal
 * @param {(filters: Filters) => void} apply
 */
export function queueFilters(signal, apply) {
  const change = (/** @type {Filters} */ part) => apply({ ...list.filters, ...part });
  const search = h('input', {
    type: 'search',
    class: 'search',
    'aria-label': t('filter.text'),
    placeholder: t('filter.text'),
    'data-search': true,
    onInput: debounce(() => change({ text: search.value.trim() || undefined }), 250),
  });
  const chips = h('div', { class: 'filter-chips' });
  const searchBox = h('div', { class: 'search-box' }, icon('search'), search);
  const element = h('div', { class: 'filters', role: 'search' }, searchBox, chips);

  let drawn = '';
  function draw() {
    const { filters } = list;
    if (document.activeElement !== search) search.value = filters.text ?? '';
    const whose = /** @type {const} */ ([[undefined, 'filter.all'], ['me', 'filter.mine'], ['none', 'filter.unassigned']]);
    const counts = state.counts?.[list.queue];
    const numbers = { me: counts?.mine, none: counts?.unassigned };
    const { may_filter: mayFilter, may_order: mayOrder } = state.me?.rights ?? { may_filter: true, may_order: true };
    searchBox.hidden = !mayFilter;
    const same = JSON.stringify([mayFilter, mayOrder, list.queue, filters, numbers, state.reference.topics, state.reference.teams, state.reference.channels]);
    if (same === drawn) return;
    drawn = same;
    fill(
      chips,
      h(
        'div',
        { class: 'segments', role: 'group', 'aria-label': t('filter.whose') },
        whose.map(([value, key]) =>
          h(
            'button',
            { type: 'button', 'aria-pressed': String((filters.assignee || undefined) === value), onClick: () => change({ assignee: value }) },
            t(key),
            value && numbers[value] ? h('span', { class: 'segment-count' }, String(numbers[value])) : null,
          ),
        ),
      ),
      h(
        'div',
        { class: 'filter-picks' },
        mayFilter && [pick('channel', state.reference.channels), pick('team', state.reference.teams), pick('topic', state.reference.topics)],
        mayOrder && h('button', { type: 'button', class: 'icon-button', 'aria-label': t('filter.order'), title: t('filter.order'), 'aria-haspopup': 'menu', onClick: (/** @type {Event} */ e) => openOrder(/** @type {HTMLElement} */ (e.currentTarget)) }, icon('sliders')),
      ),
    );
  }

  /** @param {'channel'|'team'|'topic'} name @param {{id: string, name: string, kind?: string}[]} choices */
  function pick(name, choices) {
    const chosen = choices.find((c) => c.id === list.filters[name]);
    const look = { channel: 'globe', team: 'team', topic: 'tag' }[name];
    return h(
      'button',
      {
        type: 'button',
        class: chosen ? 'filter-on' : 'icon-button',
        'aria-haspopup': 'listbox',
        'aria-label': chosen ? t('filter.chosen', { filter: t(`filter.${name}`), name: chosen.name }) : t(`filter.${name}`),
        title: t(`filter.${name}`),
        onClick: (/** @type {Event} */ e) =>
          openPicker(/** @type {HTMLElement} */ (e.currentTarget), {
            label: t(`filter.${name}`),
            choices: () => [{ id: '', name: t('filter.any'), chosen: !chosen }, ...choices.map((c) => ({ id: c.id, name: c.name, chosen: c.id === chosen?.id, before: c.kind ? icon(c.kind) : null }))],
            pick: (choice) => change({ [name]: choice.id || undefined }),
          }),
      },
      icon(look),
      chosen && h('span', { class: 'filter-name' }, chosen.name),
    );
  }

  /** @param {HTMLElement} anchor */
  function openOrder(anchor) {
    const names = /** @type {const} */ (['priority', 'due', 'newest', 'oldest']);
    openMenu(anchor, t('filter.order'), names.map((name) => ({ label: t(`order.${name}`), chosen: order() === name, act: () => change({ order: name }) })), { align: 'end' });
  }

  draw();
  on('list', draw, signal);
  on('counts', draw, signal);
  on('reference', draw, signal);
  on('me', draw, signal);
  return element;
}
