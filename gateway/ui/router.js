// Where the screen is, kept in the address after '#', so that links can be copied and the back button works.

/**
 * @typedef {object} Route
 * @property {string} page desk, conversation, supervisor, audit, operator, admin, preferences
 * @property {string[]} rest what follows the page
 * @property {Record<string, string>} query
 */

/** @returns {Route} */
export function currentRoute() {
  const [path, search] = location.hash.replace(/^#\/?/, '').split('?');
  const [page, ...rest] = path.split('/').map(decodeURIComponent);
  return { page: page || 'desk', rest: rest.filter(Boolean), query: Object.fromEntries(new URLSearchParams(search ?? '')) };
}

/**
 * The address of a place.
 * @param {(string|null|undefined)[]} path
 * @param {Record<string, any>} [query]
 */
export function address(path, query = {}) {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value) params.set(name, String(value));
  const search = params.toString();
  const parts = path.filter((p) => p !== null && p !== undefined);
  return `#/${parts.map((p) => encodeURIComponent(String(p))).join('/')}${search ? `?${search}` : ''}`;
}

/** Goes there; `replace` leaves no trace in the history. @param {string} where @param {boolean} [replace] */
export function go(where, replace = false) {
  if (location.hash === where) return;
  if (replace) {
    history.replaceState(null, '', where);
    window.dispatchEvent(new HashChangeEvent('hashchange'));
  } else {
    location.hash = where;
  }
}
