// One message of a conversation: who, what kind, when, what it answers, what came with it, and its menu.

import { conversation } from '../endpoints.js';
import { h } from '../dom.js';
import { icon } from '../icons.js';
import { clock, exact, moment, size, t, tSlug } from '../i18n.js';
import { address } from '../router.js';
import { may } from '../store.js';
import { act, setMode, thread } from '../thread.js';
import { actorName, avatar, contactName } from './chips.js';
import { confirm } from './dialog.js';
import { openMenu } from './menu.js';
import { tell } from './toast.js';

/** @typedef {import('../types.js').Message} Message */

/** @param {Message} message @param {{readOnly?: boolean, writeNote?: (on: string) => void}} [options] */
export function messageView(message, { readOnly = false, writeNote } = {}) {
  const own = message.direction === 'out';
  const name = senderName(message);
  const bubble = h('div', { class: `bubble${message.masked ? ' masked' : ''}` }, quoted(message), text(message), attachments(message, readOnly));
  return h(
    'li',
    { class: `message ${message.direction}`, id: `m-${message.id}`, tabIndex: -1 },
    !own && avatar(name),
    h(
      'div',
      { class: 'message-body' },
      h(
        'div',
        { class: 'message-meta' },
        h('bdi', { class: 'message-sender' }, name),
        h('span', { class: 'message-kind' }, tSlug('kind', message.kind)),
        message.link && publicLink(message.link),
        h('time', { datetime: message.at, title: exact(message.at), tabIndex: 0 }, clock(message.at)),
        message.liked && h('span', { class: 'liked', role: 'img', 'aria-label': t('message.liked'), title: t('message.liked') }, icon('heart')),
      ),
      h('div', { class: 'bubble-row' }, bubble, !readOnly && menuButton(message, name, writeNote)),
      message.redacted > 0 && h('p', { class: 'message-foot muted' }, t('message.redacted', { n: message.redacted })),
      own && delivery(message),
    ),
  );
}

/** @param {Message} message */
function senderName(message) {
  if (message.sender.kind === 'contact') return message.sender.name ?? contactName(thread.data?.contact);
  return actorName(message.sender);
}

/** @param {Message} message */
function text(message) {
  if (message.masked) return h('p', { class: 'masked-text' }, icon('mask'), maskedText(message.masked));
  return message.text ? h('p', { class: 'message-text', dir: 'auto' }, linked(message.text)) : null;
}

/** Who masked something, and when. @param {NonNullable<Message['masked']>} masked */
export function maskedText(masked) {
  return masked.at ? t('message.masked', { name: actorName(masked.by), at: moment(masked.at) }) : t('message.masked-forgotten');
}

/** Text with its web addresses made links; everything stays text. @param {string} text @returns {(Node|string)[]} */
export function linked(text) {
  /** @type {(Node|string)[]} */
  const parts = [];
  let from = 0;
  for (const match of text.matchAll(/https?:\/\/[^\s<>"'\u202a-\u202e\u2066-\u2069]{3,400}[^\s<>"'.,;:!?)\]\u202a-\u202e\u2066-\u2069]/g)) {
    parts.push(text.slice(from, match.index), outside(match[0], match[0]));
    from = match.index + match[0].length;
  }
  return [...parts, text.slice(from)];
}

/** A link that leaves. @param {string} url @param {string} name */
function outside(url, name) {
  return h('a', { href: url, target: '_blank', rel: 'noopener noreferrer nofollow' }, name);
}

/** @param {string} url */
function publicLink(url) {
  if (!/^https?:\/\//.test(url)) return null;
  return h('a', { class: 'public-link', href: url, target: '_blank', rel: 'noopener noreferrer nofollow', title: url }, icon('link'), t('message.open-public'));
}

/** @param {Message} message */
function quoted(message) {
  const q = message.quoted;
  if (!q) return null;
  const body = q.masked ? h('em', null, t('message.masked-short')) : q.text;
  const name = q.sender.kind === 'contact' ? (q.sender.name ?? contactName(thread.data?.contact)) : actorName(q.sender);
  return h(
    'blockquote',
    { class: 'quoted' },
    h('button', { type: 'button', class: 'link', onClick: () => showMessage(q.id), 'aria-label': t('message.go-to-quoted', { name }) }, h('bdi', null, name), ' · ', moment(q.at)),
    h('p', { dir: 'auto' }, body),
  );
}

/** Brings a message into sight. @param {string} id */
export function showMessage(id) {
  const node = document.getElementById(`m-${id}`);
  if (!node) return tell(t('message.not-here'));
  node.scrollIntoView({ block: 'center' });
  node.focus();
  node.classList.add('flash');
  setTimeout(() => node.classList.remove('flash'), 1600);
}

/** @param {Message} message @param {boolean} readOnly */
function attachments(message, readOnly) {
  if (!message.attachments.length) return null;
  return h(
    'ul',
    { class: 'attachments' },
    message.attachments.map((a) => {
      if (a.masked || !a.name) return h('li', { class: 'attachment masked-text' }, icon('mask'), t('attachment.masked'));
      const isImage = /^image\/(png|jpeg|gif|webp)$/.test(a.media_type ?? '');
      return h(
        'li',
        { class: 'attachment' },
        h(
          'a',
          { href: a.url, download: isImage ? null : a.name, target: '_blank', rel: 'noopener' },
          isImage ? h('img', { src: a.url, alt: a.name, loading: 'lazy' }) : icon('file'),
          h('span', null, h('bdi', null, a.name), h('small', { class: 'muted block' }, size(a.size_bytes ?? 0))),
        ),
        !readOnly && mayMask() && h('button', { type: 'button', class: 'icon-button', 'aria-label': t('attachment.mask', { name: a.name }), title: t('attachment.mask', { name: a.name }), onClick: () => maskAttachment(message.id, a.id) }, icon('mask')),
      );
    }),
  );
}

/** @param {Message} message */
function delivery(message) {
  const d = message.delivery;
  if (!d) return null;
  if (d.state === 'failed') return h('p', { class: 'message-foot failed' }, icon('warn'), t('delivery.failed', { cause: tSlug('cause', d.cause ?? 'unknown') }), h('button', { type: 'button', class: 'link', onClick: () => act((id) => conversation.deliverAgain(id, message.id)) }, t('retry')));
  return h('p', { class: 'message-foot muted', title: exact(d.at) }, icon(d.state === 'accepted' ? 'check' : 'clock'), t(`delivery.${d.state}`));
}

const mayMask = () => thread.data?.may.mask ?? may('mask');

/** @param {Message} message @param {string} name @param {((on: string) => void)|undefined} writeNote */
function menuButton(message, name, writeNote) {
  const label = t('message.menu', { name, at: clock(message.at) });
  return h('button', { type: 'button', class: 'icon-button message-menu', 'aria-haspopup': 'menu', 'aria-label': label, title: t('message.menu-short'), onClick: (/** @type {Event} */ e) => open(/** @type {HTMLElement} */ (e.currentTarget), message, writeNote) }, icon('more'));
}

/** @param {HTMLElement} anchor @param {Message} message @param {((on: string) => void)|undefined} writeNote */
function open(anchor, message, writeNote) {
  const data = thread.data;
  if (!data) return;
  const inbound = message.direction === 'in';
  const open = data.queue !== 'resolved' && data.may.work !== false;
  const isPublic = data.visibility === 'public';
  /** @type {import('./menu.js').Entry[]} */
  const entries = [];
  if (inbound && !message.masked) {
    entries.push({ label: t('message.reply-to'), icon: 'reply', disabled: !open, act: () => setMode({ kind: 'to', message: message.id }) });
    if (isPublic) entries.push({ label: t(message.kind === 'tweet' ? 'message.quote-tweet' : 'message.quote'), icon: 'quote', disabled: !open, act: () => setMode({ kind: 'quoting', message: message.id }) });
    if (isPublic) entries.push({ label: t(message.liked ? 'message.unlike' : 'message.like'), icon: 'heart', act: () => act((id) => conversation.like(id, message.id, !message.liked)) });
  }
  if (writeNote) entries.push({ label: t('note.add-on'), icon: 'note', act: () => writeNote(message.id) });
  entries.push({ label: t('message.copy-link'), icon: 'copy', act: () => copyLink(message.id) });
  if (inbound && isPublic) entries.push('line', { label: t(data.blocked ? 'thread.unblock' : 'thread.block'), icon: 'ban', act: () => blockThread(!data.blocked) });
  if (mayMask() && !message.masked) entries.push('line', { label: t('message.mask'), icon: 'mask', danger: true, act: () => maskMessage(message) });
  openMenu(anchor, t('message.menu-short'), entries, { align: 'end' });
}

/** @param {string} message */
async function copyLink(message) {
  await navigator.clipboard.writeText(`${location.origin}/${address(['conversation', thread.id, message])}`);
  tell(t('copied.link'));
}

/** @param {boolean} blocked */
export async function blockThread(blocked) {
  if (blocked && !(await confirm({ title: t('thread.block'), text: t('thread.block-explained'), act: t('thread.block') }))) return;
  act((id) => conversation.block(id, blocked), t(blocked ? 'thread.blocked' : 'thread.unblocked'));
}

/** @param {Message} message */
async function maskMessage(message) {
  if (await confirm({ title: t('message.mask-question'), text: t('message.mask-explained'), act: t('message.mask') })) {
    act((id) => conversation.mask(id, message.id), t('message.mask-done'));
  }
}

/** @param {string} message @param {string} attachment */
async function maskAttachment(message, attachment) {
  if (await confirm({ title: t('attachment.mask-question'), text: t('message.mask-explained'), act: t('message.mask') })) {
    act((id) => conversation.maskAttachment(id, message, attachment), t('message.mask-done'));
  }
}
