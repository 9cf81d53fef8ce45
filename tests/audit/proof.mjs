// The check that the auditor's page does in the browser, over receipts that the test wrote: `node proof.mjs PROOF_JS DIR`.

import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

const [module, directory] = process.argv.slice(2);
const { isOf, openReceipt, parseKey } = await import(pathToFileURL(module));
const read = (name) => readFileSync(`${directory}/${name}`, 'utf8');
const key = await parseKey(read('key'));
const stranger = await parseKey(read('stranger'));
let checked = 0;
for (const name of readdirSync(directory).filter((file) => file.endsWith('.tlog-proof'))) {
  const text = read(name);
  const proved = await openReceipt(text, key);
  const [index, size] = name.split(/[-.]/).map(Number);
  assert.deepEqual([proved.index, proved.size], [index, size], name);
  await assert.rejects(openReceipt(text, stranger), /signature/);
  const lines = text.split('\n');
  for (const [at, line] of lines.entries()) {
    // Not in the empty lines, nor in the line for people of a signature's name.
    if (!line || line.startsWith('— ')) continue;
    const place = Math.floor(line.length / 2);
    const other = line[place] === 'A' ? 'B' : 'A';
    const changed = [...lines];
    changed[at] = line.slice(0, place) + other + line.slice(place + 1);
    await assert.rejects(openReceipt(changed.join('\n'), key), undefined, `${name}, line ${at + 1}`);
  }
  checked++;
}
await assert.rejects(parseKey(read('key').replace('+', '+0')));
const line = JSON.parse(read('line.json'));
const { leaf } = await openReceipt(read(line.receipt), key);
assert.ok(isOf(leaf, line));
for (const other of [{ event_id: line.event_id.replaceAll(/[0-9]/g, 'a') }, { position: 'pff' }, { recorded_at: '2001-01-01T00:00:00Z' }]) assert.ok(!isOf(leaf, { ...line, ...other }));
console.log(`${checked} receipts checked`);
