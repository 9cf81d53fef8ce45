// The files that go with a reply: chosen, pasted or dropped, uploaded at once, each with its progress. They stay with
// their conversation while another one is open.

import { conversation } from '../endpoints.js';
import { fill, h } from '../dom.js';
import { icon } from '../icons.js';
import { size, t } from '../i18n.js';
import { problemText } from '../problems.js';

const SIZE_BYTES_MAX = 20e6;

/** @typedef {{to: string, file: File, part: number, id: string|null, problem: string, stop: AbortController}} Pending */

/**
 * @param {() => string|null} open the conversation that the files go to
 * @param {() => void} changed called when what can be sent changes
 */
export function attachments(open, changed) {
  /** @type {Pending[]} */
  let items = [];
  const here = () => items.filter((i) => i.to === open());
  const element = h('ul', { class: 'uploads', hidden: true, 'aria-label': t('attachment.list') });
  const input = h('input', { type: 'file', multiple: true, hidden: true, tabIndex: -1, 'aria-label': t('attachment.add'), onChange: () => (add(input.files), (input.value = '')) });

  /** @param {FileList|null|undefined} files */
  function add(files) {
    const to = open();
    for (const file of to ? (files ?? []) : []) {
      /** @type {Pending} */
      const item = { to: to ?? '', file, part: 0, id: null, problem: '', stop: new AbortController() };
      items.push(item);
      if (file.size > SIZE_BYTES_MAX) item.problem = t('attachment.too-large', { size: size(SIZE_BYTES_MAX) });
      else start(item);
    }
    draw();
  }

  /** @param {Pending} item */
  async function start(item) {
    item.problem = '';
    try {
      const { upload: id } = await conversation.upload(item.to, item.file, (part) => ((item.part = part), draw()), item.stop.signal);
      item.id = id;
    } catch (error) {
      if (item.stop.signal.aborted) return;
      item.problem = problemText(error);
    }
    draw();
  }

  /** @param {Pending} item */
  function remove(item) {
    item.stop.abort();
    items = items.filter((i) => i !== item);
    draw();
  }

  function draw() {
    const shown = here();
    element.hidden = !shown.length;
    fill(
      element,
      shown.map((item) =>
        h(
          'li',
          { class: item.problem ? 'upload failed' : 'upload' },
          icon('file'),
          h('bdi', { class: 'upload-name' }, item.file.name),
          item.problem
            ? h('span', { role: 'alert' }, item.problem)
            : item.id
              ? h('small', { class: 'muted' }, size(item.file.size))
              : h('progress', { max: '1', value: item.part, 'aria-label': t('attachment.uploading', { name: item.file.name }) }),
          item.problem && item.file.size <= SIZE_BYTES_MAX && h('button', { type: 'button', class: 'link', onClick: () => start(item) }, t('retry')),
          h('button', { type: 'button', class: 'icon-button', 'aria-label': t('remove-named', { name: item.file.name }), onClick: () => remove(item) }, icon('close')),
        ),
      ),
    );
    changed();
  }

  return {
    element,
    input,
    add,
    choose: () => input.click(),
    draw,
    /** Whether all of them are there. */
    ready: () => here().every((i) => i.id),
    ids: () => here().flatMap((i) => (i.id ? [i.id] : [])),
    /** Forgets those of a conversation. @param {string} to */
    clear(to) {
      for (const item of items) if (item.to === to && !item.id) item.stop.abort();
      items = items.filter((i) => i.to !== to);
      draw();
    },
  };
}
