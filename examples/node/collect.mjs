// Collects from a polling source: its events to stdout as NDJSON, its cursor into a file.
// With its neighbours a whole host of the contract in wit/source.wit, whose bounds it checks; README.md
// says how it is run, and what it lacks.
import fs from "node:fs";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { createSyncFn } from "synckit";
import { instantiate } from "./source.mjs";

const CURSOR_BYTES_MAX = 1_000_000, EVENTS_MAX = 10_000, BODIES_BYTES_MAX = 16 << 20;
const NOTICES_MAX = 100, COUNTERS_MAX = 64;
const KIND = /^[a-z][a-z0-9._-]{0,127}$/, LINE = /^\{[^\r\n]*\}$/;
const PERSON_ACTS = ["auth", "config", "cursor"];
const FAILURES_MAX = 10, PATIENCE_MS = 86_400_000; // without a batch, if told to catch up
process.stderr._handle?.setBlocking?.(false); // where nobody reads stderr, events go on
// Where stdout was closed, Node has opened /dev/null in its place.
if (fs.fstatSync(1).rdev === fs.statSync("/dev/null").rdev) {
  end(2, "stdout is closed or /dev/null: events would be lost; give it a file or a pipe");
}
const [path, ...flags] = process.argv.slice(2);
const isUsedRight = path && ["", "--until-caught-up"].includes(flags.join());
if (!isUsedRight) end(2, "usage: collect.mjs CONFIG [--until-caught-up]");
let settings, newSource, source;
try {
  settings = JSON.parse(fs.readFileSync(path, "utf8").replace(/\$\{(\w+)\}/g, fromEnvironment));
  if (Object.keys(settings).sort().join() !== "allow,component,config,cursor") {
    throw new Error("it takes component, allow, cursor and config, and nothing else");
  }
  process.chdir(dirname(path)); // relative paths start at the file's folder
  settings.config = JSON.stringify(settings.config);
  const send = createSyncFn(new URL("http.mjs", import.meta.url)), allow = new Set(settings.allow);
  newSource = () => instantiate(settings.component, (request) => send(request, allow));
  (source = await newSource()).validate(settings.config);
} catch (error) {
  const told = ({ path, message, remedy }) => `config.${path}: ${message}; ${remedy}`;
  if (error.payload) end(2, ...error.payload.map(told));
  const why = error instanceof SyntaxError ? "not JSON" : error.message; // the text holds secrets
  end(2, `${path}: ${why}; README.md shows what is wanted`);
}
await collect(settings.config, settings.cursor, flags.length > 0);

function fromEnvironment(_, name) {
  if (!(name in process.env)) throw new Error(`${name} is not set in the environment: set it`);
  return JSON.stringify(process.env[name]).slice(1, -1);
}

/** The loop: poll, deliver, wait as told. */
async function collect(config, cursorFile, untilCaughtUp) {
  let cursor = readCursor(cursorFile), errors = 0, failures = 0, waited = 0;
  // Heard between polls: the one in hand is finished first.
  for (const name of ["SIGINT", "SIGTERM"]) process.on(name, () => process.exit(0));
  process.on("SIGHUP", () => {}); // a terminal that goes away ends nothing
  for (let ms = 0, batch, error; ; await sleep(ms)) {
    try {
      [batch, error] = [source.poll(config, cursor), null];
      check(batch);
    } catch ({ payload, message }) {
      const failed = { kind: "protocol", code: "component_failed", message, notices: [] };
      [batch, error] = [null, payload ?? failed];
      if (!payload) source = await newSource(); // in what state the old one is, nobody knows
    }
    (batch ?? error).notices.forEach((each) => tell(`${each.level} ${each.code}: ${each.message}`));
    if (batch) {
      deliver(batch, cursorFile, cursor);
      [cursor, errors, failures, waited] = [batch.cursor, 0, 0, 0];
      if (untilCaughtUp && !batch.more) end(0);
      ms = Math.max(batch.more ? 0 : 1000, Math.min(Number(batch.nextPollMs), 86_400_000));
    } else {
      const isFailure = error.kind !== "throttled"; // to be told to wait is none
      tell(`${error.kind} ${isFailure ? "error" : "info"} ${error.code}: ${error.message}`);
      errors += 1;
      failures += isFailure;
      ms = 2 ** Math.min(errors, 12) * 250 * (0.8 + 0.4 * Math.random());
      ms = Math.min(ms, ["transient", "throttled"].includes(error.kind) ? 60_000 : 900_000);
      ms = Math.max(ms, Math.min(Number(error.retryAfterMs ?? 0), 900_000));
      waited += ms;
      const isHopeless = PERSON_ACTS.includes(error.kind) || failures === FAILURES_MAX;
      if (untilCaughtUp && (isHopeless || waited >= PATIENCE_MS)) end(1);
    }
  }
}

/** Nothing before the very first poll. What is there but unreadable is never begun anew. */
function readCursor(path) {
  try {
    const found = fs.lstatSync(path); // a link would be replaced, and a pipe waited for
    if (!found.isFile()) throw new Error("it is no regular file");
    if (found.size === 0) throw new Error("it is empty");
    if (found.size > CURSOR_BYTES_MAX) throw new Error("it is too large");
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(fs.readFileSync(path));
  } catch (error) {
    if (error.code === "ENOENT") return undefined;
    end(1, `${path}: ${error.message}; put a good copy back, or remove it to begin anew`);
  }
}

/** What is not within the contract's bounds is an error, and nothing of it is delivered. */
function check({ cursor, events, notices, stats }) {
  const isWithin = (text, max) => text.length > 0 && Buffer.byteLength(text) <= max;
  const bytes = events.reduce((sum, { body }) => sum + Buffer.byteLength(body), 0);
  if (!isWithin(cursor, CURSOR_BYTES_MAX)) {
    throw new Error(`the cursor is not of 1 to ${CURSOR_BYTES_MAX} bytes`);
  }
  if (events.length > EVENTS_MAX || (events.length > 1 && bytes > BODIES_BYTES_MAX)) {
    throw new Error(`more than ${EVENTS_MAX} events, or ${BODIES_BYTES_MAX} bytes of several`);
  }
  if (notices.length > NOTICES_MAX || stats.counters.length > COUNTERS_MAX) {
    throw new Error(`more than ${NOTICES_MAX} notices, or ${COUNTERS_MAX} counters`);
  }
  for (const { id, kind, body } of events) {
    if (!isWithin(id, 4096)) throw new Error("the id of an event is not of 1 to 4096 bytes");
    if (!KIND.test(kind)) throw new Error("an event has no kind of the contract");
    if (!isObject(body)) throw new Error("an event is no object on one line");
  }
}

function isObject(body) {
  try {
    return LINE.test(body) && JSON.parse(body) !== null;
  } catch {
    return false; // the parser's own error repeats a piece of the event
  }
}

/** Events first, then the cursor takes its place: a crash repeats a page, and loses nothing. */
function deliver(batch, cursorFile, last) {
  if (readCursor(cursorFile) !== last) {
    end(1, `${cursorFile}: it was changed meanwhile; run one collector for each cursor file`);
  }
  try {
    const next = `${cursorFile}.new`;
    const cut = fs.lstatSync(next, { throwIfNoEntry: false }); // it was going out: end its line
    const { O_WRONLY, O_CREAT, O_TRUNC, O_NOFOLLOW, O_NONBLOCK } = fs.constants;
    const flag = O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_NONBLOCK;
    fs.writeFileSync(next, batch.cursor, { flag, flush: true });
    write([cut ? "\n" : "", ...batch.events.map(({ body }) => `${body}\n`)].join(""));
    fs.renameSync(next, cursorFile);
    const folder = fs.openSync(dirname(cursorFile));
    fs.fsyncSync(folder); // or a power cut could undo the replacement
    fs.closeSync(folder);
  } catch (error) {
    end(1, `a batch cannot be stored, and will come again: ${error.message}`);
  }
}

/** All of it, or an error: what others share of a pipe they may have made non-blocking. */
function write(lines) {
  for (let bytes = Buffer.from(lines); bytes.length > 0; ) {
    try {
      bytes = bytes.subarray(fs.writeSync(1, bytes));
    } catch (error) {
      if (error.code !== "EAGAIN") throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10); // milliseconds
    }
  }
}

function tell(text) {
  try {
    fs.writeSync(2, `${text.replace(/\p{C}/gu, " ")}\n`);
  } catch {} // there is no room, or no reader
}

function end(code, ...lines) {
  lines.forEach(tell);
  process.exit(code);
}
