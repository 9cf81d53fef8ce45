// Runs every flow of the agent's screen: all files beside this one. A new file needs no line here.

import { readdirSync } from 'node:fs';
import { runAll } from './harness.mjs';

const files = readdirSync(new URL('.', import.meta.url)).filter((name) => name.endsWith('.mjs') && !['run.mjs', 'harness.mjs'].includes(name));
for (const file of files.sort()) await import(`./${file}`);

await runAll();
