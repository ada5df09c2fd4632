// Collects from a polling source: its events to stdout as NDJSON, its cursor into a file.
// A whole host of the contract in wit/source.wit; README.md says how it is run, and what it lacks.
import fs from "node:fs";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { createSyncFn } from "synckit";
import { instantiate } from "./source.mjs";

const CURSOR_BYTES_MAX = 2 << 20, PERSON_ACTS = ["auth", "config", "cursor"];
// A worker thread makes pipes non-blocking, and a write without room would then be an error.
for (const stream of [process.stdout, process.stderr]) stream._handle?.setBlocking?.(true);
const tell = (text) => fs.writeSync(2, `${text.replace(/\p{C}/gu, " ")}\n`);
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
  let cursor = readCursor(cursorFile), errors = 0;
  // Heard between polls: the one in hand is finished first.
  for (const name of ["SIGINT", "SIGTERM"]) process.on(name, () => process.exit(0));
  for (let ms = 0, batch, error; ; await sleep(ms)) {
    try {
      [batch, error] = [source.poll(config, cursor), null];
    } catch ({ payload, message }) {
      [batch, error] = [null, payload ?? { kind: "protocol", code: "trap", message, notices: [] }];
      if (!payload) source = await newSource(); // in what state the old one is, nobody knows
    }
    (batch ?? error).notices.forEach((each) => tell(`${each.level} ${each.code}: ${each.message}`));
    if (batch) {
      deliver(batch, cursorFile);
      [cursor, errors] = [batch.cursor, 0];
      if (untilCaughtUp && !batch.more) end(0);
      ms = Math.max(batch.more ? 0 : 1000, Math.min(Number(batch.nextPollMs), 86_400_000));
    } else {
      tell(`${error.kind} error ${error.code}: ${error.message}`);
      errors += 1;
      if (untilCaughtUp && (errors === 10 || PERSON_ACTS.includes(error.kind))) end(1);
      ms = 2 ** Math.min(errors, 12) * 250 * (0.8 + 0.4 * Math.random());
      ms = Math.min(ms, error.kind === "transient" ? 60_000 : 900_000);
      ms = Math.max(ms, Math.min(Number(error.retryAfterMs ?? 0), 900_000));
    }
  }
}

/** Nothing before the very first poll. What is there but unreadable is never begun anew. */
function readCursor(path) {
  try {
    if (fs.statSync(path).size > CURSOR_BYTES_MAX) throw new Error("it is too large");
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(fs.readFileSync(path));
  } catch (error) {
    if (error.code === "ENOENT") return undefined;
    end(1, `${path}: ${error.message}; put a good copy back, or remove it to begin anew`);
  }
}

/** Events first, then the cursor takes its place: a crash repeats a page, and loses nothing. */
function deliver(batch, cursorFile) {
  try {
    const next = `${cursorFile}.new`, cut = fs.existsSync(next); // it was going out: end its line
    fs.writeFileSync(next, batch.cursor, { flush: true });
    fs.writeFileSync(1, [cut ? "\n" : "", ...batch.events.map(({ body }) => `${body}\n`)].join(""));
    fs.renameSync(next, cursorFile);
    const folder = fs.openSync(dirname(cursorFile));
    fs.fsyncSync(folder); // or a power cut could undo the replacement
    fs.closeSync(folder);
  } catch (error) {
    end(1, `a batch cannot be stored, and will come again: ${error.message}`);
  }
}

function end(code, ...lines) {
  lines.forEach(tell);
  process.exit(code);
}
