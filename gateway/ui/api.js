// The only caller of fetch, XMLHttpRequest and EventSource: how the screen speaks to the gateway.
// What can be asked is in endpoints.js.

/** An answer that is not a success, or no answer at all (`status` 0). */
export class Problem extends Error {
  /** @param {number} status @param {Record<string, any>} body */
  constructor(status, body) {
    super(body.title ?? `HTTP ${status}`);
    this.status = status;
    /** The stable slug of the rejection. @type {string} */
    this.slug = String(body.type ?? '').split('/').pop() ?? '';
    this.detail = body.detail ?? '';
    this.body = body;
  }

  /** Whether the same command may go through later: nothing says that it was refused. */
  get unknown() {
    return this.status === 0 || this.status === 502 || this.status === 503 || this.status === 504;
  }
}

/** The position of the last command that was answered: later reads wait for it. */
let seen = '';
/** The position of the session's first answer: the feed tells of all that came behind it, so that nothing falls between. */
let begun = '';
/** @type {() => void} */
let signedOut = () => {};

/** Calls `act` when the session turns out to be over. @param {() => void} act */
export function onSignedOut(act) {
  signedOut = act;
}

/** The position behind which the feed tells of everything; empty before the session's first answer. */
export const feedBegins = () => begun;

/** Forgets what was seen, for the next agent. */
export function forgetSession() {
  seen = '';
  begun = '';
}

/**
 * A read.
 * @param {string} path
 * @param {{query?: Record<string, any>, signal?: AbortSignal, accept?: string}} [options]
 * @returns {Promise<any>}
 */
export async function read(path, options = {}) {
  /** @type {Record<string, string>} */
  const headers = { Accept: options.accept ?? 'application/json' };
  if (seen || begun) headers['Clew-Min-Position'] = seen || begun;
  const response = await send(path + search(options.query), { headers, signal: options.signal });
  if (response.ok) begun ||= response.headers.get('Clew-Position') ?? '';
  return answer(response);
}

/**
 * A command. The same `key` names the same command however often it is sent, so that a retry is never done twice.
 * @param {'POST'|'PUT'|'DELETE'} method
 * @param {string} path
 * @param {any} [body]
 * @param {string} [key]
 * @returns {Promise<any>}
 */
export async function command(method, path, body, key) {
  /** @type {Record<string, string>} */
  const headers = { Accept: 'application/json' };
  if (body !== undefined) headers['Content-Type'] = 'application/json';
  if (key) headers['Idempotency-Key'] = key;
  const response = await send(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
  const position = response.headers.get('Clew-Position');
  const result = await answer(response);
  if (position) seen = position;
  return result;
}

/** @param {string} path @param {RequestInit} init */
async function send(path, init) {
  try {
    return await fetch(path, { credentials: 'same-origin', cache: 'no-store', ...init });
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    throw new Problem(0, { title: 'unreachable', type: '/problems/unreachable' });
  }
}

/** @param {Response} response */
async function answer(response) {
  const type = response.headers.get('Content-Type') ?? '';
  const body = response.status === 204 ? null : type.includes('json') ? await response.json() : await response.text();
  if (response.ok) return body;
  const problem = new Problem(response.status, typeof body === 'object' && body ? body : { title: response.statusText });
  const ofApi = new URL(response.url).pathname.startsWith('/v1/');
  if (response.status === 401 && ofApi && problem.slug !== 'sign-in-failed') signedOut();
  throw problem;
}

/** @param {Record<string, any>|undefined} query */
function search(query) {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(query ?? {})) if (value !== undefined && value !== null && value !== '') params.set(name, String(value));
  const text = params.toString();
  return text ? `?${text}` : '';
}

/**
 * Uploads a file; `progress` is told parts of 1.
 * @param {string} path
 * @param {File} file
 * @param {(part: number) => void} progress
 * @param {AbortSignal} signal
 * @returns {Promise<{upload: string}>}
 */
export function upload(path, file, progress, signal) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open('POST', path + search({ name: file.name }));
    request.setRequestHeader('Content-Type', file.type || 'application/octet-stream');
    request.responseType = 'json';
    request.upload.onprogress = (event) => progress(event.lengthComputable ? event.loaded / event.total : 0);
    request.onload = () => (request.status < 300 ? resolve(request.response) : reject(new Problem(request.status, request.response ?? {})));
    request.onerror = () => reject(new Problem(0, { title: 'unreachable' }));
    request.onabort = () => reject(new DOMException('aborted', 'AbortError'));
    signal.addEventListener('abort', () => request.abort());
    request.send(file);
  });
}

const RETRY_MS_MIN = 1000;
const RETRY_MS_MAX = 10000;

/**
 * The live feed. It resumes from the last event that was seen, however often the connection is lost.
 * @param {Record<string, (data: any) => void>} handlers by event name
 * @param {(connected: boolean) => void} onState
 * @returns {() => void} ends it
 */
export function feed(handlers, onState) {
  let after = begun;
  let wait_ms = RETRY_MS_MIN;
  let ended = false;
  /** @type {EventSource|undefined} */
  let source;
  /** @type {ReturnType<typeof setTimeout>|undefined} */
  let timer;

  const connect = () => {
    clearTimeout(timer);
    source?.close();
    source = new EventSource(`/v1/feed${search({ after })}`);
    source.onopen = () => {
      wait_ms = RETRY_MS_MIN;
      onState(true);
    };
    source.onerror = () => {
      onState(false);
      source?.close();
      if (ended) return;
      timer = setTimeout(connect, wait_ms);
      wait_ms = Math.min(wait_ms * 2, RETRY_MS_MAX);
    };
    for (const [name, handle] of Object.entries(handlers)) {
      source.addEventListener(name, (event) => {
        if (event.lastEventId) after = event.lastEventId;
        // What was seen before may be of the log as it was before it was moved.
        if (name === 'reset') [begun, seen] = [event.lastEventId, ''];
        handle(event.data ? JSON.parse(event.data) : {});
      });
    }
  };
  const online = () => connect();
  const offline = () => onState(false);
  window.addEventListener('online', online);
  window.addEventListener('offline', offline);
  connect();
  return () => {
    ended = true;
    clearTimeout(timer);
    source?.close();
    window.removeEventListener('online', online);
    window.removeEventListener('offline', offline);
  };
}
