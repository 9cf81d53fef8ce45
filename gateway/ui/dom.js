// Builds elements. Text always enters through text nodes; there is no way here to parse markup.

/** @typedef {Node|string|number|null|undefined|false} One */
/** @typedef {One|Child[]} Child */

const PROPERTIES = new Set(['value', 'checked', 'disabled', 'hidden', 'selected', 'indeterminate', 'tabIndex', 'open', 'readOnly', 'required', 'multiple']);

/**
 * An element: `h('button', {class: 'primary', onClick: send}, 'Send')`.
 * Props: `onX` listens, `vars` sets CSS custom properties, known properties are set, all else are attributes
 * (absent for null, undefined and false).
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Record<string, any>|null} [props]
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export function h(tag, props, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props ?? {})) set(node, name, value);
  node.append(...flat(children));
  return node;
}

/** @param {HTMLElement} node @param {string} name @param {any} value */
function set(node, name, value) {
  if (/^on[A-Z]/.test(name)) node.addEventListener(name.slice(2).toLowerCase(), value);
  else if (name === 'vars') for (const [key, text] of Object.entries(value)) node.style.setProperty(key, String(text));
  else if (name === 'dataset') Object.assign(node.dataset, value);
  else if (PROPERTIES.has(name)) /** @type {any} */ (node)[name] = value;
  else if (value === null || value === undefined || value === false) node.removeAttribute(name);
  else node.setAttribute(name, value === true ? '' : String(value));
}

/** @param {Child[]} children @returns {(Node|string)[]} */
function flat(children) {
  return /** @type {One[]} */ (children.flat(20)).filter((c) => c !== null && c !== undefined && c !== false).map((c) => (c instanceof Node ? c : String(c)));
}

/** Makes `children` all that is in `parent`. @param {Element} parent @param {...Child} children */
export function fill(parent, ...children) {
  parent.replaceChildren(...flat(children));
}

/**
 * Makes the children of `parent` follow `items`, reusing the node of a key while `same` text is unchanged,
 * so that focus, selection and open menus survive an update elsewhere.
 * @template I
 * @param {Element} parent
 * @param {I[]} items
 * @param {(item: I) => {key: string, same: string}} identify
 * @param {(item: I) => HTMLElement} build
 */
export function keyed(parent, items, identify, build) {
  /** @type {Map<string, HTMLElement>} */
  const before = new Map();
  for (const child of /** @type {HTMLElement[]} */ ([...parent.children])) if (child.dataset.key) before.set(child.dataset.key, child);
  let place = parent.firstElementChild;
  for (const item of items) {
    const { key, same } = identify(item);
    const old = before.get(key);
    before.delete(key);
    let node = old;
    if (!old || sameness.get(old) !== same) {
      node = build(item);
      node.dataset.key = key;
      sameness.set(node, same);
      if (old) {
        if (place === old) place = node;
        old.replaceWith(node);
      }
    }
    if (!node) continue;
    if (node === place) place = place.nextElementSibling;
    else parent.insertBefore(node, place);
  }
  for (const left of before.values()) left.remove();
}

/** @type {WeakMap<HTMLElement, string>} */
const sameness = new WeakMap();

/** Letters that no decomposition takes to the ones typed for them. @type {Record<string, string>} */
const PLAIN = { ł: 'l', ø: 'o', đ: 'd', ı: 'i', ß: 'ss', æ: 'ae', œ: 'oe', þ: 'th', ð: 'd' };

/** Folds case and accents, for searching names. @param {string} text */
export function fold(text) {
  return text.toLowerCase().normalize('NFD').replace(/\p{M}/gu, '').replace(/[łøđıßæœþð]/g, (c) => PLAIN[c]);
}

/** Up to two initials of a name. @param {string} name */
export function initials(name) {
  const words = name.replaceAll(/\(.*?\)|[^\p{L}\p{N}\s._-]/gu, '').split(/[\s._-]+/).filter(Boolean);
  return [words[0], words.length > 1 ? words[words.length - 1] : ''].map((w) => [...(w ?? '')][0] ?? '').join('').toUpperCase() || '?';
}

/** Does something once what is drawn now is on the screen. @param {() => void} act */
export function afterPaint(act) {
  requestAnimationFrame(() => setTimeout(act));
}

/** Answers after so long. @param {number} ms */
export const waited = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** A colour wheel angle that stays the same for a name. @param {string} name */
export function hue(name) {
  let sum = 0;
  for (const c of name) sum = (sum * 31 + (c.codePointAt(0) ?? 0)) % 360;
  return sum;
}

/**
 * Runs `act` at most once in `wait_ms`, the last time for sure.
 * @param {() => void} act @param {number} wait_ms
 */
export function debounce(act, wait_ms) {
  /** @type {ReturnType<typeof setTimeout>|undefined} */
  let timer;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(act, wait_ms);
  };
}

/** A random id, also where the page is not in a secure context. */
export function randomId() {
  if (crypto.randomUUID) return crypto.randomUUID();
  return [...crypto.getRandomValues(new Uint8Array(16))].map((b) => b.toString(16).padStart(2, '0')).join('');
}
