// Where the agent writes: a reply by the active channel, or a note; with saved replies, files and a counter.

import { conversation } from '../endpoints.js';
import { fill, h, randomId } from '../dom.js';
import { icon } from '../icons.js';
import { number, t } from '../i18n.js';
import { draft, keepDraft, sendReply } from '../drafts.js';
import { problemText } from '../problems.js';
import { on } from '../store.js';
import { act, sayTyping, takeLock, thread } from '../thread.js';
import { attachments } from './attachments.js';
import { contactName } from './chips.js';
import { lockedByOther, replyNotice } from './reply-notice.js';
import { replyTabs } from './reply-tabs.js';
import { fillPlaces, openSavedReplies } from './saved-replies.js';
import { stateBar } from './state-bar.js';
import { tell } from './toast.js';

const ROWS_PX_MAX = 260;

/** @param {{signal: AbortSignal, contact: () => import('../types.js').Contact|null, moved: (queue: string) => void}} options */
export function replyBox({ signal, contact, moved }) {
  /** @type {'reply'|'note'} */
  let kind = 'reply';
  let shown = '';
  let channel = '';
  let busy = false;

  const counter = h('span', { class: 'counter' });
  const input = h('textarea', {
    class: 'reply-input',
    rows: '3',
    dir: 'auto',
    onInput: () => (changed(), takeLock(), kind === 'reply' && sayTyping()),
    onKeydown: onKey,
    onPaste: (/** @type {ClipboardEvent} */ e) => e.clipboardData?.files.length && kind === 'reply' && (e.preventDefault(), files.add(e.clipboardData.files)),
  });
  const files = attachments(() => thread.id, () => drawButtons());
  const tools = h('div', { class: 'reply-tools' });
  const buttons = h('div', { class: 'reply-buttons' });
  const above = stateBar({ signal, moved });
  const notice = replyNotice({ edit: () => (draw(), input.focus()), send: () => (draw(), send()) });
  const head = replyTabs({ switchTo, choose: (id) => ((channel = id), draw()), counter, focus: () => input.focus() });
  const box = h('div', { class: 'reply-box' }, head.element, head.reference, input, files.element, files.input, h('div', { class: 'reply-bar' }, tools, h('span', { class: 'spring' }), buttons));
  const element = h('section', { class: 'reply', 'aria-label': t('reply.label') }, above.element, notice.element, box);
  box.addEventListener('dragover', (e) => kind === 'reply' && (e.preventDefault(), box.classList.add('dropping')));
  box.addEventListener('dragleave', () => box.classList.remove('dropping'));
  box.addEventListener('drop', (e) => {
    box.classList.remove('dropping');
    if (kind !== 'reply' || !e.dataTransfer?.files.length) return;
    e.preventDefault();
    files.add(e.dataTransfer.files);
  });

  const data = () => thread.data;
  const closed = () => data()?.queue === 'resolved';
  const mayReply = () => data()?.may.work !== false && !closed();
  const active = () => data()?.reply_channels.find((c) => c.id === channel) ?? data()?.reply_channels.find((c) => c.active) ?? data()?.reply_channels[0];

  function draw() {
    const d = data();
    element.hidden = !d;
    if (!d) return;
    if (shown !== d.id) {
      shown = d.id;
      channel = '';
      kind = 'reply';
      files.draw();
      input.value = draft(d.id, kind);
    }
    above.draw();
    notice.draw();
    head.draw({ kind, channel: active() });
    drawTools();
    drawButtons();
    box.classList.toggle('writing-note', kind === 'note');
    input.disabled = kind === 'reply' && (!mayReply() || lockedByOther());
    input.placeholder = kind === 'note' ? t('note.placeholder') : closed() ? t('reply.closed') : t('reply.placeholder', { name: contactName(d.contact) });
    input.setAttribute('aria-label', kind === 'note' ? t('note.add') : t('reply.label'));
    grow();
    count();
  }

  /** @param {'reply'|'note'} which */
  function switchTo(which) {
    const d = data();
    if (!d) return;
    kind = which;
    if (which === 'reply') thread.noteOn = null;
    input.value = draft(d.id, which);
    draw();
    input.focus();
  }

  let toolsShown = '';
  function drawTools() {
    const same = `${kind}${document.documentElement.lang}${input.disabled}`;
    if (same === toolsShown) return;
    toolsShown = same;
    if (kind === 'note') return fill(tools);
    fill(
      tools,
      h('button', { type: 'button', class: 'quiet', 'data-saved': true, 'aria-haspopup': 'listbox', title: t('saved.hint'), onClick: (/** @type {Event} */ e) => pickSaved(/** @type {HTMLElement} */ (e.currentTarget)) }, icon('bolt'), h('span', { class: 'wide-only' }, t('saved.add-here'))),
      h('button', { type: 'button', class: 'icon-button', 'aria-label': t('attachment.add'), title: t('attachment.add'), onClick: files.choose }, icon('clip')),
    );
  }

  /** @param {HTMLElement} anchor */
  function pickSaved(anchor) {
    openSavedReplies(anchor, (text) => {
      const { text: filled, missing } = fillPlaces(text, contact());
      insert(filled);
      if (missing.length) tell(t('saved.missing', { places: missing.join(', ') }));
    });
  }

  /** @param {string} text */
  function insert(text) {
    const { selectionStart: from, selectionEnd: to, value } = input;
    input.value = value.slice(0, from) + text + value.slice(to);
    input.focus();
    input.setSelectionRange(from + text.length, from + text.length);
    changed();
  }

  function drawButtons() {
    if (kind === 'note') {
      fill(buttons, h('button', { type: 'button', class: 'primary', disabled: !input.value.trim() || busy, onClick: saveNote }, t('note.save')));
      return;
    }
    const ready = Boolean(input.value.trim() || files.ids().length) && files.ready() && mayReply() && !lockedByOther() && !busy && left() >= 0;
    const focused = buttons.contains(document.activeElement);
    if (buttons.dataset.ready === `${ready}${document.documentElement.lang}` && buttons.children.length === 3) return;
    buttons.dataset.ready = `${ready}${document.documentElement.lang}`;
    const button = (/** @type {import('../i18n.js').Key} */ key, /** @type {string} */ look, /** @type {'pend'|'resolve'|undefined} */ then, /** @type {string} */ keys) =>
      h('button', { type: 'button', class: look, disabled: !ready, title: `${t(key)} (${keys})`, onClick: () => send(then) }, then ? icon(then === 'pend' ? 'pause' : 'check') : icon('send'), h('span', null, t(key)));
    fill(buttons, button('reply.send-pend', 'secondary', 'pend', 'Ctrl+Shift+Enter'), button('reply.send-resolve', 'secondary', 'resolve', 'Ctrl+Alt+Enter'), button('reply.send', 'primary', undefined, 'Ctrl+Enter'));
    if (focused) input.focus();
  }

  const left = () => (active()?.reply_characters_max ?? Infinity) - [...input.value].length;
  function count() {
    const max = active()?.reply_characters_max;
    counter.hidden = !max || kind === 'note';
    if (!max) return;
    counter.textContent = number(left());
    counter.title = t('reply.left', { n: left(), max });
    counter.setAttribute('aria-label', counter.title);
    counter.setAttribute('role', 'img');
    counter.classList.toggle('over', left() < 0);
    counter.classList.toggle('near', left() >= 0 && left() < max / 10);
  }

  function grow() {
    input.style.setProperty('height', 'auto');
    if (!input.value) return;
    input.style.setProperty('height', `${Math.min(input.scrollHeight + 2, ROWS_PX_MAX)}px`);
  }

  function changed() {
    if (thread.id) keepDraft(thread.id, kind, input.value);
    grow();
    count();
    drawButtons();
    if (kind === 'note') delete buttons.dataset.ready;
  }

  /** @param {KeyboardEvent} event */
  function onKey(event) {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      if (kind === 'note') saveNote();
      else send(event.shiftKey ? 'pend' : event.altKey ? 'resolve' : undefined);
    } else if (event.key === '/' && kind === 'reply' && /(^|\s)$/.test(input.value.slice(0, input.selectionStart))) {
      event.preventDefault();
      const anchor = /** @type {HTMLElement|null} */ (tools.querySelector('[data-saved]'));
      if (anchor) pickSaved(anchor);
    } else if (event.key === 'Escape') {
      event.stopPropagation();
      input.blur();
    }
  }

  /** @param {'pend'|'resolve'} [then] */
  async function send(then) {
    const d = data();
    const text = input.value.trim();
    if (!d || busy || !mayReply() || lockedByOther() || !files.ready() || left() < 0 || (!text && !files.ids().length)) return;
    busy = true;
    /** @type {Record<string, any>} */
    const body = { text, seen: d.version };
    if (thread.mode.kind !== 'plain') body.mode = thread.mode;
    if (channel && channel !== d.reply_channels.find((c) => c.active)?.id) body.channel = channel;
    if (files.ids().length) body.attachments = files.ids();
    if (then) body.then = then;
    const mode = thread.mode;
    input.value = '';
    changed();
    thread.mode = { kind: 'plain' };
    thread.unseen = [];
    const outcome = await sendReply(d.id, body);
    busy = false;
    if (outcome === 'conflict') restore(d.id, text, mode);
    else files.clear(d.id);
    draw();
    if (outcome === 'sent' && then) {
      tell(t(then === 'pend' ? 'state.pended' : 'state.resolved'));
      moved(d.queue);
    }
  }

  /** What was not sent goes back where it was written. @param {string} id @param {string} text @param {import('../types.js').ReplyMode} mode */
  function restore(id, text, mode) {
    const kept = draft(id, 'reply');
    keepDraft(id, 'reply', kept ? `${text}\n${kept}` : text);
    if (thread.id !== id) return;
    thread.mode = mode;
    if (kind === 'reply') input.value = draft(id, 'reply');
  }

  let noteKey = randomId();
  async function saveNote() {
    const text = input.value.trim();
    const id = thread.id;
    if (!text || !id || busy) return;
    busy = true;
    const on = thread.noteOn;
    try {
      await conversation.addNote(id, text, on, noteKey);
      noteKey = randomId();
      keepDraft(id, 'note', '');
      thread.noteOn = null;
      kind = 'reply';
      input.value = draft(id, 'reply');
      await act(() => Promise.resolve(true));
    } catch (error) {
      tell(problemText(error), 'error');
    }
    busy = false;
    draw();
  }

  on('thread', draw, signal);
  on('me', draw, signal);
  draw();

  return {
    element,
    changeState: above.changeState,
    bringBack: above.bringBack,
    focus: () => (kind === 'reply' ? input.focus() : switchTo('reply')),
    /** @param {string|null} on */
    note(on) {
      thread.noteOn = on;
      switchTo('note');
    },
    /** @param {string} text */
    putBack(text) {
      if (thread.id) restore(thread.id, text, thread.mode);
      switchTo('reply');
    },
    openSaved() {
      const anchor = /** @type {HTMLElement|null} */ (tools.querySelector('[data-saved]'));
      if (anchor) pickSaved(anchor);
    },
  };
}
