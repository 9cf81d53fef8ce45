// What the flows share: the real server as a process that can be killed and started again, browsers that report
// every error and every breach of the content policy, and messages of contacts brought in as a connector does.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHmac, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { createRequire } from 'node:module';
import { extname, join } from 'node:path';
import { chromium } from 'playwright-core';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const TYPES = { '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml' };
const READY_MS_MAX = 60_000;
export const PASSWORD = 'clew-demo-desk';
export const WAIT_MS_MAX = 15_000;
/** A flow that takes longer hangs. */
const FLOW_MS_MAX = Number(process.env.CLEW_TEST_FLOW_MS_MAX ?? 120_000);

/** The server under test. */
export class Server {
  static async start() {
    const server = new Server();
    await server.begin('demo', () => ['--demo']);
    return server;
  }

  /** Starts on data of that name, with the arguments that `more` makes of the address. */
  async begin(name, more) {
    this.data = `${process.env.CLEW_TEST_DATA}-${name}`;
    this.port = await freePort();
    this.url = `http://127.0.0.1:${this.port}`;
    await this.run(more(this.url));
  }

  /** Starts the process; a second start is on the same data. */
  async run(more = []) {
    const args = ['serve', '--data', this.data, '--listen', `127.0.0.1:${this.port}`, '--log', 'warn', '--requests-per-minute', '100000', ...more];
    this.process = spawn(process.env.CLEW_TEST_BINARY, args, { stdio: ['ignore', 'ignore', 'inherit'] });
    const gone = new Promise((_, reject) => this.process.once('exit', (code) => reject(new Error(`clew ended with ${code}`))));
    gone.catch(() => undefined);
    const ready = async () => {
      for (const end = Date.now() + READY_MS_MAX; Date.now() < end; ) {
        const answer = await fetch(`${this.url}/health/ready`).catch(() => null);
        if (answer?.ok) return;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      throw new Error('clew was not ready in time');
    };
    await Promise.race([ready(), gone]);
  }

  /** Ends it as a power cut would. */
  async kill() {
    const gone = new Promise((resolve) => this.process.once('exit', resolve));
    this.process.kill('SIGKILL');
    await gone;
  }

  /** The cookies of the session that `login` has, for a browser. */
  async cookies(login) {
    await this.as(login);
    return this.sessions.get(login).split('; ').map((pair) => {
      const [name, value] = pair.split(/=(.*)/s);
      return { name, value, url: this.url };
    });
  }

  /** Calls the API as `login` would; one session for each, kept. */
  async as(login) {
    this.sessions ??= new Map();
    if (!this.sessions.has(login)) {
      const answer = await fetch(`${this.url}/v1/sessions`, { method: 'POST', headers: { 'Content-Type': 'application/json', Origin: this.url }, body: JSON.stringify({ login: `${login}@demo.example`, password: PASSWORD }) });
      assert.equal(answer.status, 201, `signing in as ${login}`);
      this.sessions.set(login, answer.headers.getSetCookie().map((c) => c.split(';')[0]).join('; '));
    }
    const cookie = this.sessions.get(login);
    return async (method, path, body) => {
      const answer = await fetch(this.url + path, { method, headers: { 'Content-Type': 'application/json', Origin: this.url, Cookie: cookie }, body: body === undefined ? undefined : JSON.stringify(body) });
      const text = await answer.text();
      assert.ok(answer.ok, `${method} ${path}: ${answer.status} ${text}`);
      return text ? JSON.parse(text) : null;
    };
  }

  /** A contact writes on the channel with that name; the conversation's id. */
  async incoming(channelName, handle, text, name, more = {}) {
    const admin = await this.as('ada');
    this.secrets ??= new Map();
    if (!this.secrets.has(channelName)) {
      const channels = await admin('GET', '/v1/admin/channels');
      const channel = channels.items.find((c) => c.name === channelName);
      const { secret } = await admin('PUT', `/v1/admin/channels/${channel.id}/secret`);
      this.secrets.set(channelName, { id: channel.id, key: Buffer.from(secret.replace('whsec_', ''), 'base64') });
    }
    const { id, key } = this.secrets.get(channelName);
    const webhook = randomUUID();
    const at = Math.floor(Date.now() / 1000);
    const body = JSON.stringify({ type: 'message.received', data: { id: randomUUID(), contact: { handle, name }, text, ...more } });
    const signature = createHmac('sha256', key).update(`${webhook}.${at}.${body}`).digest('base64');
    const answer = await fetch(`${this.url}/v1/inbound/${id}`, { method: 'POST', headers: { 'Content-Type': 'application/json', 'webhook-id': webhook, 'webhook-timestamp': String(at), 'webhook-signature': `v1,${signature}` }, body });
    const told = await answer.text();
    assert.ok(answer.ok, `a message came in: ${answer.status} ${told}`);
    return JSON.parse(told).conversation;
  }
}

async function freePort() {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}

/** Chromium, as a machine without a screen and without a network runs it. */
export function launch() {
  const args = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];
  return chromium.launch({ executablePath: process.env.CLEW_TEST_CHROMIUM, args });
}

/** Serves the screen's files as they lie on disk, so that a change can be tried without building: `CLEW_TEST_UI`. */
function fromDisk(route) {
  const file = join(process.env.CLEW_TEST_UI, new URL(route.request().url()).pathname.slice('/ui/'.length));
  return route.fulfill({ path: file, contentType: TYPES[extname(file)] });
}

/** What the console may say without anything being wrong: that an answer was a refusal, or the connection lost. */
const EXPECTED = /Failed to load resource|net::ERR_/;

/** An agent at a browser of their own. */
export class Desk {
  /** `built` takes the screen's files from the program, wherever others lie. */
  static async open(browser, server, login, { built = false, ...options } = {}) {
    const desk = new Desk();
    desk.server = server;
    desk.faults = [];
    desk.context = await browser.newContext({ viewport: { width: 1440, height: 900 }, locale: 'en-GB', permissions: ['clipboard-read', 'clipboard-write'], baseURL: server.url, ...options });
    if (process.env.CLEW_TEST_UI && !built) {
      await desk.context.route('**/ui/**', fromDisk);
      // The page with the server's headers, and with each file by itself.
      await desk.context.route(`${server.url}/`, async (route) => route.fulfill({ response: await route.fetch(), path: join(process.env.CLEW_TEST_UI, 'index.html') }));
    }
    desk.page = await desk.context.newPage();
    desk.page.setDefaultTimeout(WAIT_MS_MAX);
    desk.page.on('pageerror', (error) => desk.faults.push(`error: ${error.stack ?? error.message}`));
    desk.page.on('dialog', (dialog) => (desk.faults.push(`a dialog: ${dialog.message()}`), dialog.dismiss()));
    desk.page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type()) && !EXPECTED.test(message.text())) desk.faults.push(`${message.type()}: ${message.text()}`);
    });
    desk.page.on('request', (request) => {
      if (!request.url().startsWith(server.url) && !/^(data|blob):/.test(request.url())) desk.faults.push(`a request to ${request.url()}`);
    });
    desk.login = login;
    if (login) await desk.signIn(login);
    return desk;
  }

  /** Signs in: by a session that is there already, or by the form where the flow asks for that with a password. */
  async signIn(login, password) {
    if (!password) {
      await this.context.addCookies(await this.server.cookies(login));
      await this.page.goto('/');
      return this.page.locator('.shell').waitFor();
    }
    await this.page.goto('/');
    await this.page.locator('input[name=username]').fill(`${login}@demo.example`);
    await this.page.locator('input[name=password]').fill(password);
    await this.page.locator('button[type=submit]').click();
    await this.page.locator('.shell').waitFor();
  }

  /** Opens a conversation by its id and waits until it is there. */
  async show(conversation) {
    await this.page.goto(`/#/conversation/${conversation}`);
    await this.page.locator('.conversation-head h1').waitFor();
    await this.page.waitForFunction((id) => location.hash.includes(id) && document.querySelector('.entries .message'), conversation);
  }

  /** Searches the list for those words and waits for what it finds. */
  async find(words) {
    await this.page.goto(`/#/desk/new?text=${encodeURIComponent(words)}`);
    await this.page.locator('.row').first().waitFor();
  }

  /** Chooses from an open menu or list by its text. */
  async choose(text) {
    await this.page.locator('.popover [role^=menuitem], .popover [role=option]').filter({ hasText: text }).first().click();
  }

  /** Writes into the reply box. */
  async write(text) {
    await this.page.locator('.reply-input').fill(text);
  }

  message(text) {
    return this.page.locator('.timeline .message').filter({ hasText: text });
  }

  row(text) {
    return this.page.locator('.row').filter({ hasText: text });
  }

  /** What axe finds wrong with what is shown. */
  async violations() {
    await this.page.evaluate(AXE);
    const { violations } = await this.page.evaluate(() => window.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] }));
    return violations.map((v) => `${v.id}: ${v.nodes.map((n) => `${n.target.join(' ')} (${n.failureSummary?.split('\n')[1]?.trim()})`).slice(0, 3).join('; ')}`);
  }

  async close() {
    await this.context.close();
    assert.deepEqual(this.faults, [], 'the page reported faults');
  }
}

const tests = [];

/** Tells a figure. */
export function measured(what, figure) {
  console.log(`     ${what}: ${figure}`);
}

/** A word that nothing else holds, and that is not taken for a card's or an account's number. */
export const unique = () => `${Date.now().toString(36)}${Math.random().toString(36).slice(2, 6)}`;

/** Registers a flow. */
export function test(name, run) {
  tests.push({ name, run });
}

/** Registers a flow twice: for an agent who works in English, and for one who works in French. */
export function inBothLanguages(name, run) {
  for (const [language, login, locale] of [['en', 'noah', 'en-GB'], ['fr', 'camille', 'fr-FR']]) {
    test(`${language}: ${name}`, async (given) => {
      const desk = await Desk.open(given.browser, given.server, login, { locale });
      await run({ ...given, language, desk, page: desk.page });
      await desk.close();
    });
  }
}

/** Registers a flow twice for an agent of other duties, who works in English one time and in French the other. */
export function inBothLanguagesAs(login, name, run) {
  for (const [language, locale] of [['en', 'en-GB'], ['fr', 'fr-FR']]) {
    test(`${language}: ${name}`, async (given) => {
      const act = await given.server.as(login);
      const { preferences } = await act('GET', '/v1/me');
      await act('PUT', '/v1/me/preferences', { ...preferences, language });
      try {
        const desk = await Desk.open(given.browser, given.server, login, { locale });
        assert.equal(await desk.page.evaluate(() => document.documentElement.lang), language);
        await run({ ...given, language, desk, page: desk.page });
        await desk.close();
      } finally {
        await act('PUT', '/v1/me/preferences', preferences);
      }
    });
  }
}

/** What `promise` comes to, or a failure when it takes too long. */
function within(limit_ms, promise) {
  let timer;
  const late = new Promise((_, reject) => (timer = setTimeout(() => reject(new Error(`took longer than ${limit_ms} ms`)), limit_ms)));
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** Runs all flows, one after the other, over one server. One that fails is tried once more, and is named as such. */
export async function runAll() {
  const server = await Server.start();
  const browser = await launch();
  let failed = 0;
  let again = 0;
  const wanted = tests.filter((t) => t.name.includes(process.env.CLEW_TEST_ONLY ?? ''));
  const closeAll = () => Promise.all(browser.contexts().map((context) => context.close()));
  for (const { name, run } of wanted) {
    const started_ms = Date.now();
    const attempt = () => within(FLOW_MS_MAX, run({ server, browser }));
    try {
      await attempt().catch(async (error) => {
        again++;
        console.log(`again ${name}: ${error.stack}`);
        await closeAll();
        await attempt();
      });
      console.log(`ok   ${name} (${Date.now() - started_ms} ms)`);
    } catch (error) {
      failed++;
      console.log(`FAIL ${name}\n${error.stack}`);
      for (const context of browser.contexts()) {
        for (const page of context.pages()) await page.screenshot({ path: `${process.env.CLEW_TEST_SHOTS}/failed-${failed}-${name.replaceAll(/\W+/g, '-')}.png` }).catch(() => undefined);
      }
    }
    await closeAll();
  }
  await browser.close();
  await server.kill();
  console.log(`${wanted.length - failed} passed, ${failed} failed, ${again} tried twice`);
  process.exitCode = failed || !wanted.length ? 1 : 0;
}
