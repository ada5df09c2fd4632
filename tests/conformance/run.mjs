// Makes the transcripts of scenarios in Node: TRANSPILED SCENARIOS TRANSCRIPTS.
//
// README.md describes both. TRANSPILED is what `jco transpile --instantiation sync` made of the
// component.
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const OUTCOME_BYTES_MAX = 64 * 1024;

async function main(transpiled, scenarios, transcripts) {
  const { instantiate } = await import(pathToFileURL(resolve(transpiled)));
  const compiled = new Map();
  const coreModule = (name) => {
    const read = () => readFileSync(join(dirname(transpiled), name));
    if (!compiled.has(name)) compiled.set(name, new WebAssembly.Module(read()));
    return compiled.get(name);
  };
  const start = (world) => instantiate(coreModule, world.imports()).source;
  const files = readdirSync(scenarios, { recursive: true });
  for (const file of files.filter((name) => name.endsWith(".json"))) {
    const { calls } = JSON.parse(readFileSync(join(scenarios, file), "utf8"));
    mkdirSync(dirname(join(transcripts, file)), { recursive: true });
    writeFileSync(join(transcripts, file), compact(transcript(start, calls)));
  }
}

/** What comes of a scenario. */
function transcript(start, calls) {
  const world = new World();
  const source = start(world);
  const cursors = [];
  return calls.map((call) => {
    world.enter(call);
    const made = source[camel(call.function)];
    const outcome = outcomeOf(() => made(...argumentsOf(call, cursors)));
    cursors.push(outcome.ok?.cursor);
    const whole = call.function === "describe" ? outcome.ok : outcome;
    const text = Buffer.from(compact(whole));
    const digest = () => createHash("sha256").update(text).digest("hex");
    const isLong = text.length > OUTCOME_BYTES_MAX;
    return {
      outcome: isLong ? { bytes: text.length, sha256: digest() } : whole,
      requests: world.requests,
    };
  });
}

function outcomeOf(call) {
  try {
    return { ok: shown(call()) };
  } catch (error) {
    // Whatever else is thrown is a trap, or a fault of this host.
    if (error.payload === undefined) throw error;
    return { error: shown(error.payload) };
  }
}

function argumentsOf(call, cursors) {
  if (call.function === "describe") return [];
  if (call.function === "explain-cursor") return [cursorOf(call, cursors)];
  const config = typeof call.config === "string" ? call.config : JSON.stringify(call.config);
  return call.function === "poll" ? [config, cursorOf(call, cursors)] : [config];
}

function cursorOf({ cursor }, cursors) {
  if (cursor?.of_call !== undefined) return cursors[cursor.of_call];
  return cursor === undefined ? undefined : longText(cursor);
}

/** What an instance sees during a call. */
class World {
  enter(call) {
    Object.assign(this, { call, requests: [], read: 0, drawn: 0 });
  }

  imports() {
    return {
      "polling-source:contract/http": { send: (request) => this.send(request) },
      "wasi:clocks/wall-clock": { now: () => this.now() },
      "wasi:random/random": { getRandomBytes: (length) => this.randomBytes(Number(length)) },
    };
  }

  moment(number) {
    return this.call.moments[Math.min(number, this.call.moments.length - 1)];
  }

  now() {
    const { clock_ms } = this.moment(this.read++);
    return {
      seconds: BigInt(Math.floor(clock_ms / 1000)),
      nanoseconds: (clock_ms % 1000) * 1_000_000,
    };
  }

  randomBytes(length) {
    const random = Buffer.from(this.moment(this.drawn++).random, "hex");
    return Uint8Array.from({ length }, (_, index) => random[index % random.length]);
  }

  send(request) {
    const { reply } = this.call.exchanges[this.requests.length];
    this.requests.push({
      body: new TextDecoder().decode(request.body),
      headers: request.headers.map(({ name, value }) => [name, value]),
      method: request.method,
      "timeout-ms": request.timeoutMs ?? null,
      url: request.url,
    });
    // jco takes what a host throws for the error of the result.
    if (reply.error) throw { tag: reply.error[0], val: reply.error[1] };
    const { status, headers, body } = reply;
    return {
      status,
      headers: headers.map(([name, value]) => ({ name, value })),
      body:
        body.hex === undefined
          ? new TextEncoder().encode(longText(body))
          : Uint8Array.from(Buffer.from(body.hex, "hex")),
    };
  }
}

function longText(text) {
  if (typeof text === "string") return text;
  const { before, each, between, count, after } = text;
  const number = (_, n) => each.replaceAll("{n}", String(n).padStart(8, "0"));
  return before + Array.from({ length: count }, number).join(between) + after;
}

/** The name by which jco calls a function of the contract. */
function camel(name) {
  return name.replace(/-[a-z]/g, (letter) => letter[1].toUpperCase());
}

/** A value as it stands in a transcript. */
function shown(value) {
  if (value === undefined) return null;
  if (typeof value === "bigint") return value.toString();
  if (Array.isArray(value)) return value.map(shown);
  if (typeof value !== "object") return value;
  const kebab = (name) => name.replace(/[A-Z]/g, (letter) => "-" + letter.toLowerCase());
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [kebab(name), shown(member)]),
  );
}

/** JSON without white space, its names sorted. */
function compact(value) {
  const sorted = (_, member) =>
    member !== null && typeof member === "object" && !Array.isArray(member)
      ? Object.fromEntries(Object.entries(member).sort(([a], [b]) => (a < b ? -1 : 1)))
      : member;
  return JSON.stringify(value, sorted);
}

await main(...process.argv.slice(2));
