// A person's hands and eyes in headless Chromium, for the tests of the page.

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';

import puppeteer from 'puppeteer-core';

const here = dirname(fileURLToPath(import.meta.url));
const PAGE = process.env.PAGE ?? join(here, '../../target/browser/index.html');
const BROWSERS = [
  process.env.CHROMIUM,
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
];
const WAIT_MS = 10_000;

let browser = null;

export async function openBrowser() {
  const executablePath = BROWSERS.find((path) => path && existsSync(path));
  if (!executablePath) throw new Error('no Chromium is found: install it, or name it in CHROMIUM');
  if (!existsSync(PAGE)) throw new Error(`there is no page ${PAGE}: make it by \`npm run build\``);
  const launch = (args) => puppeteer.launch({ executablePath, args, headless: true });
  try {
    browser = await launch([]);
  } catch {
    // Chromium's own sandbox works neither for root nor in most containers.
    browser = await launch(['--no-sandbox']);
  }
}

export const closeBrowser = () => browser?.close();

/**
 * Opens the page. `prepare` runs in it before its own script; `width` is of the window;
 * `withPolicy` false takes the page's Content Security Policy away.
 */
export async function open({ prepare, width = 1280, scheme = 'light', withPolicy = true } = {}) {
  const page = await browser.newPage();
  page.setDefaultTimeout(WAIT_MS);
  await page.setViewport({ width, height: 900 });
  await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }]);
  await page.setBypassCSP(!withPolicy);
  if (prepare) await page.evaluateOnNewDocument(prepare);
  const visitor = new Visitor(page, pathToFileURL(PAGE).href);
  await visitor.arrive();
  return visitor;
}

/** Runs a test in a page of its own, which must ask for nothing but itself and report no error. */
export function inPage(name, body, options) {
  test(name, async () => {
    const visitor = await open(options);
    try {
      await body(visitor);
      assert.deepEqual(visitor.requests, [visitor.address], 'the page asks for itself alone');
      assert.deepEqual(visitor.errors, []);
    } finally {
      await visitor.close();
    }
  });
}

class Visitor {
  /** The addresses of all requests that left the page; none but its own gets an answer. */
  requests = [];
  /** What the console reported as an error, and what was thrown. */
  errors = [];

  constructor(page, address) {
    this.page = page;
    this.address = address;
  }

  async arrive() {
    const { page } = this;
    await page.setRequestInterception(true);
    page.on('request', (request) => {
      // What Chromium shows in place of a refused frame has its pictures in itself.
      if (!request.url().startsWith('data:')) this.requests.push(request.url());
      if (request.url() === this.address) request.continue();
      else request.abort();
    });
    page.on('console', (message) => {
      if (['error', 'warn'].includes(message.type())) this.errors.push(message.text());
    });
    page.on('pageerror', (error) => this.errors.push(error.message));
    page.on('dialog', (dialog) => {
      this.errors.push(`a dialog: ${dialog.message()}`);
      dialog.dismiss();
    });
    await page.goto(this.address);
    await page.waitForSelector('body[data-ready]');
  }

  close() {
    return this.page.close();
  }

  /** Runs a function in the page. */
  does(work, ...args) {
    return this.page.evaluate(work, ...args);
  }

  waits(condition, ...args) {
    return this.page.waitForFunction(condition, {}, ...args);
  }

  text(selector) {
    return this.page.$eval(selector, (element) => element.textContent);
  }

  count(selector) {
    return this.page.$$eval(selector, (elements) => elements.length);
  }

  value(id) {
    return this.page.$eval(`#${id}`, (element) => element.value);
  }

  attributes(selector, name) {
    return this.page.$$eval(
      selector,
      (elements, name) => elements.map((element) => element.getAttribute(name)),
      name,
    );
  }

  /** Puts a text in a field, as a paste does that is followed by leaving the field. */
  async set(id, text) {
    await this.page.$eval(
      `#${id}`,
      (field, text) => {
        field.value = text;
        field.dispatchEvent(new Event('input', { bubbles: true }));
        field.dispatchEvent(new Event('change', { bubbles: true }));
      },
      text,
    );
  }

  choose(id, value) {
    return this.page.select(`#${id}`, value);
  }

  click(selector) {
    return this.page.$eval(selector, (element) => element.click());
  }

  /** Opens every folded part that a selector names. */
  async open(selector) {
    await this.page.$$eval(selector, (parts) => parts.forEach((part) => (part.open = true)));
    await this.does(
      () => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve))),
    );
  }

  poll() {
    return this.#presses('#poll');
  }

  check() {
    return this.#presses('#check');
  }

  /** What the page says once it is done. */
  async #presses(button) {
    await this.does(() => document.querySelector('#told').replaceChildren());
    await this.page.click(button);
    await this.waits(() => document.querySelector('#told').textContent !== '');
    return this.text('#told');
  }

  /** The ids of the events shown. */
  async eventIds() {
    await this.open('.event');
    return this.page.$$eval('.event [data-part=id]', (codes) => codes.map((code) => code.textContent));
  }

  /** The rows' own ids in them: an event's also names the second. */
  async rowIds() {
    return (await this.eventIds()).map((id) => id.replace(/@\d+$/, ''));
  }

  fact(name) {
    return this.text(`[data-fact="${name}"] dd`);
  }

  member(path, part = 'after') {
    return this.text(`[data-member="${path}"] [data-part=${part}]`);
  }

  /** The stages of a request's authorization, by name. */
  stages(request = 0) {
    return this.page.$$eval(`[data-request="${request}"] [data-stage]`, (rows) =>
      Object.fromEntries(
        rows.map((row) => [
          row.dataset.stage,
          {
            verdict: row.dataset.verdict,
            computed: row.querySelector('[data-part=computed]').textContent,
          },
        ]),
      ),
    );
  }

  /** The headers of the first request, by name. */
  headers() {
    return this.page.$$eval('[data-request="0"] [data-part=request-headers] tbody tr', (rows) =>
      Object.fromEntries(rows.map((row) => [...row.children].map((cell) => cell.textContent))),
    );
  }
}
