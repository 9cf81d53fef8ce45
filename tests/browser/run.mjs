// Runs every flow of the agent's screen.

import { runAll } from './harness.mjs';
import './desk.mjs';
import './together.mjs';
import './broken.mjs';
import './hostile.mjs';
import './screens.mjs';

await runAll();
