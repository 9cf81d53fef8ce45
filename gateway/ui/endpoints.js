// Everything that the screen asks of the API, by name and with the shapes of the answers.

import { command, read, upload } from './api.js';

/** @typedef {import('./types.js').Filters} Filters */

/** @param {string} id */
const at = (id) => `/v1/conversations/${id}`;
/** @param {string} id */
const contactAt = (id) => `/v1/contacts/${id}`;

export const session = {
  /** The platforms to choose between. @returns {Promise<{items: {name: string, url: string, here: boolean}[]}>} */
  regions: () => read('/v1/regions'),
  /** @param {string} login @param {string} password @returns {Promise<import('./types.js').Me>} */
  signIn: (login, password) => command('POST', '/v1/sessions', { login, password }),
  signOut: () => command('DELETE', '/v1/sessions/current'),
  /** @returns {Promise<import('./types.js').Me>} */
  me: () => read('/v1/me'),
  /** @param {import('./types.js').Availability} availability */
  setAvailability: (availability) => command('PUT', '/v1/me/availability', availability),
  /** @param {import('./types.js').Preferences} preferences */
  setPreferences: (preferences) => command('PUT', '/v1/me/preferences', preferences),
  /** @param {string} name */
  setName: (name) => command('PUT', '/v1/me/name', { name }),
  /** @param {string} current @param {string} next */
  setPassword: (current, next) => command('PUT', '/v1/me/password', { current, new: next }),
  /** @param {string} [cursor] @returns {Promise<{items: import('./types.js').Notice[], next: string|null, unread: number}>} */
  notifications: (cursor) => read('/v1/me/notifications', { query: { cursor } }),
  /** @param {string} position */
  readNotifications: (position) => command('POST', '/v1/me/notifications/read', { up_to: position }),
};

export const queues = {
  /** @param {Filters} filters @returns {Promise<import('./types.js').Counts>} */
  counts: ({ order, ...filters }) => read('/v1/queues', { query: filters }),
  /**
   * @param {string} queue @param {Filters} filters @param {string|null} cursor @param {number} limit @param {AbortSignal} [signal]
   * @returns {Promise<{rows: import('./types.js').Row[], next: string|null, total: number, position: string}>}
   */
  rows: (queue, filters, cursor, limit, signal) => read(`/v1/queues/${queue}`, { query: { ...filters, cursor, limit }, signal }),
};

export const conversation = {
  /** @param {string} id @param {AbortSignal} [signal] @returns {Promise<import('./types.js').Conversation>} */
  get: (id, signal) => read(at(id), { signal }),
  /** @param {string} id @returns {Promise<{entries: import('./types.js').AuditEntry[]}>} */
  audit: (id) => read(`${at(id)}/audit`),
  /** @param {string} id @returns {Promise<{steps: import('./types.js').ReplayStep[]}>} */
  replay: (id) => read(`${at(id)}/replay`),
  /** @param {string} id @param {File} file @param {(part: number) => void} progress @param {AbortSignal} signal @returns {Promise<{upload: string}>} */
  upload: (id, file, progress, signal) => upload(`${at(id)}/uploads`, file, progress, signal),
  /** @param {string} id @param {string} message */
  deliverAgain: (id, message) => command('POST', `${at(id)}/messages/${message}/retry`, {}),
  /** @param {string} id @param {Record<string, any>} body @param {string} key @returns {Promise<{message: string, version: number, position: string}>} */
  send: (id, body, key) => command('POST', `${at(id)}/messages`, body, key),
  /** @param {string} id @param {{agent?: string|null, team?: string|null}} to */
  assign: (id, to) => command('PUT', `${at(id)}/assignment`, to),
  /** @param {string} id @param {string|null} until */
  pend: (id, until) => command('POST', `${at(id)}/pend`, until ? { until } : {}),
  /** @param {string} id @param {string} reason */
  resolve: (id, reason) => command('POST', `${at(id)}/resolve`, { reason }),
  /** @param {string} id */
  bringBack: (id) => command('POST', `${at(id)}/return`, {}),
  /** @param {string} id @returns {Promise<{conversation: string}>} */
  followUp: (id) => command('POST', `${at(id)}/follow-up`, {}),
  /** @param {string} id @param {number} priority */
  setPriority: (id, priority) => command('PUT', `${at(id)}/priority`, { priority }),
  /** @param {string} id @param {string} text @param {string|null} on @param {string} key */
  addNote: (id, text, on, key) => command('POST', `${at(id)}/notes`, on ? { text, on } : { text }, key),
  /** @param {string} id @param {string} note @param {string} text */
  editNote: (id, note, text) => command('PUT', `${at(id)}/notes/${note}`, { text }),
  /** @param {string} id @param {string} note */
  deleteNote: (id, note) => command('DELETE', `${at(id)}/notes/${note}`),
  /** @param {string} id @param {string} note */
  maskNote: (id, note) => command('POST', `${at(id)}/notes/${note}/mask`, {}),
  /** @param {string} id @param {string} topic @param {boolean} has */
  setTopic: (id, topic, has) => command(has ? 'PUT' : 'DELETE', `${at(id)}/topics/${topic}`),
  /** @param {string} id @param {string} message */
  mask: (id, message) => command('POST', `${at(id)}/messages/${message}/mask`, {}),
  /** @param {string} id @param {string} message @param {string} attachment */
  maskAttachment: (id, message, attachment) => command('POST', `${at(id)}/messages/${message}/attachments/${attachment}/mask`, {}),
  /** @param {string} id @param {string} message @param {boolean} liked */
  like: (id, message, liked) => command(liked ? 'PUT' : 'DELETE', `${at(id)}/messages/${message}/like`),
  /** @param {string} id @param {boolean} blocked */
  block: (id, blocked) => command(blocked ? 'PUT' : 'DELETE', `${at(id)}/block`),
  /** @param {string} id @param {boolean} takeOver */
  lock: (id, takeOver) => command('PUT', `${at(id)}/lock`, { take_over: takeOver }),
  /** @param {string} id @param {boolean} typing @returns {Promise<{conversation: string, agents: {id: string, name: string, typing: boolean}[]}>} */
  enter: (id, typing) => command('PUT', `${at(id)}/presence`, { typing }),
  /** @param {string} id */
  leave: (id) => command('DELETE', `${at(id)}/presence`),
  /** @param {string} id */
  unlock: (id) => command('DELETE', `${at(id)}/lock`),
  /** @param {string} id @param {string} language @returns {Promise<{text: string}>} */
  transcript: async (id, language) => {
    const answer = await read(`${at(id)}/transcript`, { query: { tz: Intl.DateTimeFormat().resolvedOptions().timeZone, language } });
    return typeof answer === 'string' ? { text: answer } : answer;
  },
};

export const bulk = {
  /** @param {Record<string, any>} wanted what to do, and to which conversations or which filter @param {string} key @returns {Promise<{bulk: string, total: number}>} */
  begin: (wanted, key) => command('POST', '/v1/bulks', wanted, key),
  /** @param {string} id @returns {Promise<import('./types.js').BulkProgress>} */
  progress: (id) => read(`/v1/bulks/${id}`),
  /** @param {string} id @returns {Promise<import('./types.js').BulkProgress>} */
  cancel: (id) => command('DELETE', `/v1/bulks/${id}`),
};

export const contact = {
  /** @param {string} id @param {AbortSignal} [signal] @returns {Promise<import('./types.js').Contact>} */
  get: (id, signal) => read(contactAt(id), { signal }),
  /** @param {string} id @param {string} key @param {string} value */
  setAttribute: (id, key, value) => command('PUT', `${contactAt(id)}/attributes/${key}`, { value }),
  /** @param {string} id @param {string} key */
  removeAttribute: (id, key) => command('DELETE', `${contactAt(id)}/attributes/${key}`),
  /** @param {string} id @param {string} group @param {boolean} isIn */
  setGroup: (id, group, isIn) => command(isIn ? 'PUT' : 'DELETE', `${contactAt(id)}/groups/${group}`),
  /** @param {string} id @param {boolean} blocked */
  block: (id, blocked) => command(blocked ? 'PUT' : 'DELETE', `${contactAt(id)}/block`),
  /** @param {string} id */
  forget: (id) => command('POST', `${contactAt(id)}/forget`, {}),
};

export const reference = {
  /** @param {string} what @returns {Promise<any[]>} */
  list: async (what) => {
    const answer = await read(`/v1/${what}`);
    return Array.isArray(answer) ? answer : (answer.items ?? []);
  },
  /** @param {string} agent @param {import('./types.js').Availability} availability */
  setAvailability: (agent, availability) => command('PUT', `/v1/agents/${agent}/availability`, availability),
};

export const savedReplies = {
  /** @returns {Promise<{collections: import('./types.js').Collection[]}>} */
  list: () => read('/v1/saved-replies'),
  /** @param {string} name @param {{kind: string, id: string}} owner */
  addCollection: (name, owner) => command('POST', '/v1/saved-replies/collections', { name, owner }),
  /** @param {string} id @param {string} name */
  renameCollection: (id, name) => command('PUT', `/v1/saved-replies/collections/${id}`, { name }),
  /** @param {string} id */
  removeCollection: (id) => command('DELETE', `/v1/saved-replies/collections/${id}`),
  /** @param {string} collection @param {{title: string, text: string}} reply */
  add: (collection, reply) => command('POST', `/v1/saved-replies/collections/${collection}/replies`, reply),
  /** @param {string} collection @param {string} id @param {{title: string, text: string}} reply */
  change: (collection, id, reply) => command('PUT', `/v1/saved-replies/collections/${collection}/replies/${id}`, reply),
  /** @param {string} collection @param {string} id */
  remove: (collection, id) => command('DELETE', `/v1/saved-replies/collections/${collection}/replies/${id}`),
};

export const audit = {
  /** @param {Record<string, any>} query @returns {Promise<{entries: import('./types.js').AuditEntry[], next: string|null}>} */
  search: (query) => read('/v1/audit', { query }),
  /** @returns {Promise<string>} */
  key: () => read('/v1/audit/key', { accept: 'text/plain' }),
  /** @param {string} position @returns {Promise<string>} */
  receipt: (position) => read(`/v1/audit/receipts/${position}`, { accept: 'text/plain' }),
};

export const reports = {
  /** @returns {Promise<{agent: {id: string, name: string}, states: import('./types.js').StateTime[]}[]>} */
  agentTimes: async () => (await read('/v1/reports/agent-times')).items,
};

export const rules = {
  /** @param {Record<string, any>} sample @returns {Promise<{items: any[]}>} */
  tryOut: (sample) => command('POST', '/v1/admin/rules:try', sample),
};

export const sla = {
  /** @returns {Promise<import('./types.js').SlaSummary>} */
  summary: () => read('/v1/sla/summary'),
  /** @param {'breached'|'due'} list @param {Record<string, string>} scope @param {number} limit @returns {Promise<{items: import('./types.js').SlaClock[], next: string|null}>} */
  clocks: (list, scope, limit) => read(`/v1/sla/${list}`, { query: { ...scope, limit } }),
  /** @param {{from: string, to: string}} period @returns {Promise<import('./types.js').SlaTally[]>} */
  history: async (period) => (await read('/v1/sla/history', { query: period })).items,
  /** @param {Record<string, any>} message @returns {Promise<{policy: string|null, promises: {metric: string, warned_at: string|null, due_at: string|null}[]}>} */
  tryOut: (message) => command('POST', '/v1/admin/sla-policies:try', message),
};

export const admin = {
  /** @param {string} what @returns {Promise<any>} */
  list: async (what) => {
    const answer = await read(`/v1/admin/${what}`);
    return Array.isArray(answer) ? answer : (answer?.items ?? answer);
  },
  /** @param {string} what @param {any} body */
  add: (what, body) => command('POST', `/v1/admin/${what}`, body),
  /** @param {string} path @param {any} [body] */
  put: (path, body) => command('PUT', `/v1/admin/${path}`, body),
  /** @param {string} path */
  remove: (path) => command('DELETE', `/v1/admin/${path}`),
};

/** What was shown at an instant. */
export const past = {
  /** @param {string} at @param {AbortSignal} signal @returns {Promise<import('./types.js').Counts>} */
  counts: (at, signal) => read('/v1/queues', { query: { at }, signal }),
  /** @param {string} queue @param {string} at @param {number} limit @param {AbortSignal} signal @returns {Promise<{rows: import('./types.js').Row[], next: string|null, total: number}>} */
  rows: (queue, at, limit, signal) => read(`/v1/queues/${queue}`, { query: { at, limit }, signal }),
  /** @param {string} at @param {AbortSignal} signal @returns {Promise<{items: import('./types.js').Agent[]}>} */
  agents: (at, signal) => read('/v1/agents', { query: { at }, signal }),
};

export const operate = {
  /** @returns {Promise<any>} */
  ready: () => read('/health/ready'),
  /** @returns {Promise<string>} */
  metrics: () => read('/metrics', { accept: 'text/plain' }),
  /** @returns {Promise<any>} */
  projections: () => read('/v1/operator/projections'),
  /** @param {string} name @param {string} act @param {object} [how] */
  act: (name, act, how = {}) => command('POST', `/v1/operator/projections/${name}/${act}`, how),
  /** @param {string} name */
  cancelRebuild: (name) => command('DELETE', `/v1/operator/projections/${name}/rebuild`),
};
