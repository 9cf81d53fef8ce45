// Checks receipts in the browser, with its own SHA-256 and Ed25519: that a fact is in the log that a key signed.
// Formats: c2sp.org/tlog-proof, c2sp.org/signed-note, RFC 6962. Nothing here asks the server for anything.

/** @typedef {{name: string, id: string, bytes: Uint8Array<ArrayBuffer>}} LogKey */
/** @typedef {{leaf: Uint8Array<ArrayBuffer>, index: number, size: number, origin: string}} Proved */

const FIRST_LINE = 'c2sp.org/tlog-proof@v1';
const utf8 = new TextEncoder();

/** What is wrong with a receipt or a key. */
export class NotProved extends Error {}

/** @param {boolean} holds @param {string} why */
function demand(holds, why) {
  if (!holds) throw new NotProved(why);
}

/** @param {string} text @returns {Uint8Array<ArrayBuffer>} */
function base64(text) {
  try {
    return Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  } catch {
    throw new NotProved('base64');
  }
}

/** @param {...Uint8Array} parts @returns {Uint8Array<ArrayBuffer>} */
function join(...parts) {
  const bytes = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** @param {Uint8Array<ArrayBuffer>} bytes */
const sha256 = async (bytes) => new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
/** @param {Uint8Array} bytes */
const hex = (bytes) => [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
/** @param {Uint8Array} a @param {Uint8Array} b */
const same = (a, b) => hex(a) === hex(b);

/** The key of a log from its vkey, `name+id+base64`. @param {string} text @returns {Promise<LogKey>} */
export async function parseKey(text) {
  const [, name, id, encoded] = /^([^+\s]+)\+([0-9a-f]{8})\+(\S+)$/.exec(text.trim()) ?? [];
  demand(Boolean(name), 'key');
  const bytes = base64(encoded);
  demand(bytes.length === 33 && bytes[0] === 1, 'key');
  const hash = await sha256(join(utf8.encode(`${name}\n`), bytes));
  demand(hex(hash.slice(0, 4)) === id, 'key');
  return { name, id, bytes: bytes.slice(1) };
}

/** The key under the name that signs the log of this origin: a partition's is the log's, with `/` and its number behind. @param {LogKey} key @param {string} origin @returns {Promise<LogKey>} */
async function keyOf(key, origin) {
  if (!origin.startsWith(`${key.name}/`) || !/^[1-9]\d{0,4}$/.test(origin.slice(key.name.length + 1))) return key;
  const hash = await sha256(join(utf8.encode(`${origin}\n`), Uint8Array.of(1), key.bytes));
  return { name: origin, id: hex(hash.slice(0, 4)), bytes: key.bytes };
}

/** The text of a signed note, which this key must have signed. @param {string} note @param {LogKey} key */
async function openNote(note, key) {
  const end = note.lastIndexOf('\n\n');
  demand(end > 0 && note.endsWith('\n'), 'checkpoint');
  const text = note.slice(0, end + 1);
  const lines = note.slice(end + 2, -1).split('\n').map((line) => /^— (\S+) (\S+)$/.exec(line));
  demand(lines.every(Boolean), 'checkpoint');
  const ours = lines.map((line) => ({ name: line?.[1], bytes: base64(line?.[2] ?? '') })).filter((line) => line.name === key.name && hex(line.bytes.slice(0, 4)) === key.id);
  demand(ours.length > 0, 'signature');
  const imported = await crypto.subtle.importKey('raw', key.bytes, { name: 'Ed25519' }, false, ['verify']);
  for (const { bytes } of ours) demand(await crypto.subtle.verify({ name: 'Ed25519' }, imported, bytes.slice(4), utf8.encode(text)), 'signature');
  return text;
}

/** The signed head of a log, or of a partition of it. @param {string} note @param {LogKey} logKey */
export async function openCheckpoint(note, logKey) {
  const key = await keyOf(logKey, note.slice(0, note.indexOf('\n')));
  const [origin, size, root, ...rest] = (await openNote(note, key)).split('\n');
  demand(origin === key.name && /^(0|[1-9]\d{0,14})$/.test(size ?? '') && rest.at(-1) === '', 'checkpoint');
  return { origin, size: Number(size), root: base64(root ?? '') };
}

/**
 * The root that a leaf and the hashes beside its way up lead to: RFC 9162, 2.1.3.2. Numbers, since bitwise
 * operators would cut them to 32 bits.
 * @param {Uint8Array<ArrayBuffer>} leafHash @param {number} index @param {number} size @param {Uint8Array[]} path
 */
async function rootOf(leafHash, index, size, path) {
  demand(index < size, 'place');
  let [fn, sn, root] = [index, size - 1, leafHash];
  for (const beside of path) {
    demand(sn > 0, 'path');
    if (fn % 2 === 1 || fn === sn) {
      root = await sha256(join(Uint8Array.of(1), beside, root));
      while (fn % 2 === 0 && fn > 0) [fn, sn] = [fn / 2, Math.floor(sn / 2)];
    } else root = await sha256(join(Uint8Array.of(1), root, beside));
    [fn, sn] = [Math.floor(fn / 2), Math.floor(sn / 2)];
  }
  demand(sn === 0, 'path');
  return root;
}

/** Checks all of a receipt, a `.tlog-proof`. @param {string} text @param {LogKey} key @returns {Promise<Proved>} */
export async function openReceipt(text, key) {
  const end = text.indexOf('\n\n');
  demand(end > 0, 'receipt');
  const [first, extra, place, ...path] = text.slice(0, end).split('\n');
  const index = /^index (0|[1-9]\d{0,14})$/.exec(place ?? '')?.[1];
  demand(first === FIRST_LINE && (extra ?? '').startsWith('extra ') && index !== undefined, 'receipt');
  const leaf = base64(extra.slice('extra '.length));
  const head = await openCheckpoint(text.slice(end + 2), key);
  const root = await rootOf(await sha256(join(Uint8Array.of(0), leaf)), Number(index), head.size, path.map(base64));
  demand(same(root, head.root), 'root');
  return { leaf, index: Number(index), size: head.size, origin: head.origin };
}

/** Whether a fact is the one that a line of the trail tells of: by id, place and time. @param {Uint8Array<ArrayBuffer>} leaf @param {{event_id: string, position: string, recorded_at: string}} line */
export function isOf(leaf, line) {
  if (leaf.length < 160 || leaf[0] !== 1) return false;
  const view = new DataView(leaf.buffer, leaf.byteOffset);
  const id = hex(leaf.slice(64, 80)) === line.event_id.replaceAll('-', '');
  const sequences = line.position.slice(1).split('.');
  const partition = view.getUint16(4, true) === sequences.length - 1;
  const place = partition && view.getBigUint64(8, true) === BigInt(`0x${sequences.at(-1)}`);
  const time = Number(view.getBigInt64(40, true) / 1000n) === Date.parse(line.recorded_at);
  return id && place && time;
}
