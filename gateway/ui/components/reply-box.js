// Where the agent writes: a reply by the active channel, or a note; with saved replies, files and a counter.

import { conversation } from '../endpoints.js';
import { fill, h, randomId } from '../dom.js';
import { icon } from '../icons.js';
import { number, t, tSlug } from '../i18n.js';
import { draft, keepDraft, sendReply } from '../drafts.js';
import { problemText } from '../problems.js';
import { isMe } from '../queue.js';
import { on } from '../store.js';
import { act, messageOf, setMode, takeLock, takeOver, thread } from '../thread.js';
import { assignButton } from './assign.js';
import { attachments } from './attachments.js';
import { actorName, contactName } from './chips.js';
import { openMenu } from './menu.js';
import { messageView } from './message.js';
import { fillPlaces, openSavedReplies } from './saved-replies.js';
import { presenceText } from './timeline.js';
import { tell } from './toast.js';

const ROWS_PX_MAX = 260;

/** @param {{signal: AbortSignal, contact: () => import('../types.js').Contact|null, moved: (queue: string) => void}} options */
export function replyBox({ signal, contact, moved }) {
  /** @type {'reply'|'note'} */
  let kind = 'reply';
  let shown = '';
  let channel = '';
  let busy = false;

  const above = h('div', { class: 'reply-above' });
  const notice = h('div', { class: 'reply-notice' });
  const tabs = h('div', { class: 'reply-tabs' });
  const reference = h('div', { class: 'reply-mode', hidden: true });
  const counter = h('span', { class: 'counter' });
  const input = h('textarea', {
    class: 'reply-input',
    rows: '3',
    dir: 'auto',
    onInput: () => (changed(), takeLock()),
    onKeydown: onKey,
    onPaste: (/** @type {ClipboardEvent} */ e) => e.clipboardData?.files.length && kind === 'reply' && (e.preventDefault(), files.add(e.clipboardData.files)),
  });
  const files = attachments(() => thread.id, () => drawButtons());
  const tools = h('div', { class: 'reply-tools' });
  const buttons = h('div', { class: 'reply-buttons' });
  const box = h('div', { class: 'reply-box' }, tabs, reference, input, files.element, files.input, h('div', { class: 'reply-bar' }, tools, h('span', { class: 'spring' }), buttons));
  const element = h('section', { class: 'reply', 'aria-label': t('reply.label') }, above, notice, box);
  box.addEventListener('dragover', (e) => kind === 'reply' && (e.preventDefault(), box.classList.add('dropping')));
  box.addEventListener('dragleave', () => box.classList.remove('dropping'));
  box.addEventListener('drop', (e) => {
    box.classList.remove('dropping');
    if (kind !== 'reply' || !e.dataTransfer?.files.length) return;
    e.preventDefault();
    files.add(e.dataTransfer.files);
  });

  const data = () => thread.data;
  const lockedByOther = () => Boolean(data()?.lock && !isMe(data()?.lock));
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
      files.clear();
      input.value = draft(d.id, kind);
    }
    drawAbove();
    drawNotice();
    drawTabs();
    drawMode();
    drawTools();
    drawButtons();
    box.classList.toggle('writing-note', kind === 'note');
    input.disabled = kind === 'reply' && (!mayReply() || lockedByOther());
    input.placeholder = kind === 'note' ? t('note.placeholder') : closed() ? t('reply.closed') : t('reply.placeholder', { name: contactName(d.contact) });
    input.setAttribute('aria-label', kind === 'note' ? t('note.add') : t('reply.label'));
    grow();
    count();
  }

  let aboveShown = '';
  function drawAbove() {
    const d = data();
    if (!d) return;
    const who = presenceText();
    const same = JSON.stringify([d.id, d.assignee, d.queue, d.may, who, d.lock, document.documentElement.lang]);
    if (same === aboveShown) return;
    aboveShown = same;
    fill(
      above,
      assignButton(),
      isMe(d.lock) && h('span', { class: 'muted with-icon', title: t('lock.yours') }, icon('lock')),
      who && h('span', { class: 'presence muted', role: 'status' }, who),
      h('span', { class: 'spring' }),
      closed() ? actionButton('undo', 'state.return', 'E', bringBack) : null,
      d.queue === 'pending' ? actionButton('undo', 'state.return', '', bringBack) : null,
      !closed() && d.queue !== 'pending' ? actionButton('pause', 'state.pend', 'P', () => changeState('pend')) : null,
      !closed() ? resolveButton() : null,
    );
  }

  /** @param {string} look @param {import('../i18n.js').Key} key @param {string} keys @param {() => void} run */
  function actionButton(look, key, keys, run) {
    return h('button', { type: 'button', class: 'state-button', title: keys ? `${t(key)} (${keys})` : t(key), onClick: run }, icon(look), h('span', null, t(key)));
  }

  function resolveButton() {
    return h(
      'span',
      { class: 'split' },
      actionButton('check', 'state.resolve', 'E', () => changeState('resolve')),
      h(
        'button',
        { type: 'button', class: 'state-button', 'aria-haspopup': 'menu', 'aria-label': t('state.resolve-why'), onClick: (/** @type {Event} */ e) => openMenu(/** @type {HTMLElement} */ (e.currentTarget), t('state.resolve-why'), /** @type {const} */ (['answered', 'no_reply_needed', 'spam']).map((reason) => ({ label: tSlug('reason', reason), act: () => changeState('resolve', reason) })), { align: 'end' }) },
        icon('down'),
      ),
    );
  }

  /** @param {'pend'|'resolve'} what @param {string} [reason] */
  async function changeState(what, reason = 'answered') {
    const d = data();
    if (!d || d.queue === 'resolved') return;
    const done = await act((id) => (what === 'pend' ? conversation.pend(id, null) : conversation.resolve(id, reason)), t(what === 'pend' ? 'state.pended' : 'state.resolved'));
    if (done) moved(d.queue);
  }

  async function bringBack() {
    const d = data();
    if (d?.queue !== 'resolved') return void act((id) => conversation.bringBack(id), t('state.returned'));
    const next = await act((id) => conversation.followUp(id));
    if (next?.conversation) location.hash = `#/conversation/${next.conversation}`;
  }

  let noticeShown = '';
  function drawNotice() {
    const d = data();
    if (!d) return;
    const same = JSON.stringify([d.id, d.lock, thread.unseen.map((m) => m.id), d.blocked, d.may]);
    if (same === noticeShown) return;
    noticeShown = same;
    fill(
      notice,
      lockedByOther() && h('div', { class: 'banner warn', role: 'status' }, icon('lock'), h('span', null, t('lock.by', { name: d.lock?.name ?? '' })), h('button', { type: 'button', onClick: takeOver }, t('lock.take-over'))),
      thread.unseen.length > 0 && unseenPanel(),
      d.blocked && h('div', { class: 'banner' }, icon('ban'), h('span', null, t('thread.is-blocked'))),
    );
  }

  function unseenPanel() {
    const dismiss = () => {
      thread.unseen = [];
      draw();
      input.focus();
    };
    return h(
      'div',
      { class: 'unseen', role: 'alert' },
      h('p', null, icon('warn'), h('strong', null, t('unseen.title', { n: thread.unseen.length }))),
      h('ol', { class: 'entries' }, thread.unseen.map((m) => messageView(m, { readOnly: true }))),
      h('p', { class: 'muted' }, t('unseen.kept')),
      h('div', { class: 'row-actions' }, h('button', { type: 'button', onClick: dismiss }, t('unseen.edit')), h('button', { type: 'button', class: 'primary', onClick: () => (dismiss(), send()) }, t('unseen.send'))),
    );
  }

  let tabsShown = '';
  function drawTabs() {
    const same = JSON.stringify([kind, active()?.id, data()?.reply_channels, document.documentElement.lang]);
    if (same === tabsShown) return;
    tabsShown = same;
    const tab = (/** @type {'reply'|'note'} */ which, /** @type {string} */ label, /** @type {string} */ look) =>
      h('button', { type: 'button', role: 'tab', class: 'tab', 'aria-selected': String(kind === which), onClick: () => switchTo(which) }, icon(look), label);
    const own = active();
    const choices = data()?.reply_channels ?? [];
    fill(
      tabs,
      h('div', { class: 'tabs', role: 'tablist', 'aria-label': t('reply.label') }, tab('reply', t('reply.tab'), 'reply'), tab('note', t('note.tab'), 'note')),
      h('span', { class: 'spring' }),
      counter,
      own &&
        kind === 'reply' &&
        h(
          'button',
          { type: 'button', class: 'active-channel', disabled: choices.length < 2, 'aria-haspopup': choices.length < 2 ? null : 'menu', title: t('reply.channel'), onClick: (/** @type {Event} */ e) => openMenu(/** @type {HTMLElement} */ (e.currentTarget), t('reply.channel'), choices.map((c) => ({ label: c.name, chosen: c.id === own.id, act: () => ((channel = c.id), draw()) })), { align: 'end' }) },
          icon(own.kind),
          h('span', { class: 'visually-hidden' }, t('reply.channel')),
          h('bdi', null, own.name),
          choices.length > 1 && icon('down'),
        ),
    );
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

  function drawMode() {
    const mode = thread.mode;
    const to = messageOf(kind === 'note' ? thread.noteOn : mode.message);
    reference.hidden = !to;
    if (!to) return;
    const name = to.sender.kind === 'contact' ? (to.sender.name ?? contactName(data()?.contact)) : actorName(to.sender);
    const label = kind === 'note' ? t('note.on', { name }) : t(mode.kind === 'quoting' ? 'reply.quoting' : 'reply.to', { name });
    const drop = () => {
      if (kind === 'note') thread.noteOn = null;
      setMode({ kind: 'plain' });
      input.focus();
    };
    fill(reference, icon(kind === 'note' ? 'note' : mode.kind === 'quoting' ? 'quote' : 'reply'), h('span', { class: 'reply-mode-text' }, h('strong', null, label), ' ', h('bdi', { class: 'muted' }, to.text ?? '')), h('button', { type: 'button', class: 'icon-button', 'aria-label': t('reply.no-reference'), onClick: drop }, icon('close')));
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
    else files.clear();
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
  on('presence', drawAbove, signal);
  draw();

  return {
    element,
    changeState,
    bringBack,
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
