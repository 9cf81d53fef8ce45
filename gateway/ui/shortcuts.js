// The keyboard: single letters and '/', '?' by the character that is typed, so that any layout has them; Ctrl-K.

/**
 * @typedef {object} Shortcut
 * @property {string} keys one character, or two after each other: 'g 1'
 * @property {string} label
 * @property {string} section
 * @property {string} icon
 * @property {() => void} act
 */

const SEQUENCE_MS = 1200;

/**
 * @param {object} options
 * @param {() => Shortcut[]} options.shortcuts what the page offers now
 * @param {() => void} options.palette
 * @param {() => void} options.help
 * @param {AbortSignal} options.signal
 */
export function listen({ shortcuts, palette, help, signal }) {
  let first = '';
  let first_ms = 0;
  document.addEventListener(
    'keydown',
    (event) => {
      if ((event.ctrlKey || event.metaKey) && !event.altKey && event.key.toLowerCase() === 'k') {
        event.preventDefault();
        if (!document.querySelector('dialog[open]')) palette();
        return;
      }
      if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || isBusy(event.target)) return;
      if (event.key === '?') {
        event.preventDefault();
        return help();
      }
      const pressed = event.timeStamp - first_ms < SEQUENCE_MS && first ? `${first} ${event.key}` : event.key;
      const found = shortcuts().find((s) => s.keys === pressed);
      first = shortcuts().some((s) => s.keys.startsWith(`${event.key} `)) ? event.key : '';
      first_ms = event.timeStamp;
      if (!found) return;
      event.preventDefault();
      found.act();
    },
    { signal },
  );
}

/** Whether keys belong to what has the focus. @param {EventTarget|null} target */
function isBusy(target) {
  if (document.querySelector('dialog[open], :popover-open')) return true;
  return target instanceof HTMLElement && (target.isContentEditable || target.matches('input:not([type=checkbox]), textarea, select'));
}
