// A source of the contract in JavaScript: it collects the JSON feed of ../feed-source. README.md says how
// it becomes a component.
import { send } from "polling-source:contract/http@0.2.0";

const KIND = "feed.item";
// A token travels over TLS, or does not leave the machine.
const URL_PATTERN = String.raw`^(https://[^/?#]|http://(localhost|127\.0\.0\.1|\[::1\])(:[0-9]+)?(/|$))[^?#]*$`;
const SCHEMA = {
  $schema: "https://json-schema.org/draft/2020-12/schema",
  type: "object",
  additionalProperties: false,
  required: ["url"],
  properties: {
    url: { type: "string", pattern: URL_PATTERN },
    token: { type: "string", pattern: "^[!-~]+$", writeOnly: true },
  },
};
const REMEDY =
  "give https://HOST/PATH without a query, or http:// to localhost, 127.0.0.1 or [::1], and no other member";
const PAGE_SIZE = 500;
const NOTHING = { requests: 0, sentBytes: 0n, receivedBytes: 0n, rows: 0, duplicates: 0, counters: [] };

// What is thrown is the error of a function's result.
export const source = {
  describe: () => ({
    name: "javascript-source",
    version: "0.1.0",
    kinds: [KIND],
    configSchema: JSON.stringify(SCHEMA),
  }),

  validate(config) {
    if (read(config) === undefined) {
      const message = "not the `url` of a feed, and at most a `token` beside it";
      throw [{ path: "", message, remedy: REMEDY }];
    }
  },

  check(config) {
    const { items, stats } = page(config, undefined, 1);
    const message = `the feed answers, and holds ${items.length ? "items" : "no item yet"}`;
    return { notices: [{ level: "info", code: "feed_answers", message }], stats };
  },

  poll(config, cursor) {
    const position = cursor === undefined ? undefined : positionOf(cursor, read(config)?.url);
    const { items, next, stats } = page(config, position, PAGE_SIZE);
    const more = items.length > 0;
    return {
      events: items.map(eventOf),
      cursor: JSON.stringify({ version: 1, url: read(config).url, since: next }),
      more,
      nextPollMs: more ? 0n : 60_000n,
      notices: [],
      stats,
    };
  },

  explainCursor(cursor) {
    return Object.entries(readCursor(cursor)).map(([name, value]) => [name, String(value)]);
  },
};

/** One page of the feed after a position. */
function page(config, position, limit) {
  const { url, token } = read(config) ?? {};
  if (url === undefined) throw failed("config", "config_refused", "`url` is not that of a feed");
  const query = new URLSearchParams(position === undefined ? { limit } : { since: position, limit });
  const { status, body } = exchange(`${url}?${query}`, token);
  const stats = { ...NOTHING, requests: 1, receivedBytes: BigInt(body.length) };
  if (status !== 200) throw { ...failed(...meaningOf(status)), stats };
  try {
    const { items, next } = JSON.parse(new TextDecoder().decode(body));
    // A position goes into the cursor: it may hold no secret.
    const isSafe = typeof next === "string" && !(token && next.includes(token));
    if (isSafe && items.every((item) => typeof item.id === "string")) {
      return { items, next, stats: { ...stats, rows: items.length } };
    }
  } catch {
    // Told below: the error's own text may repeat what the feed said.
  }
  throw { ...failed("protocol", "not_a_page", "the answer is not a page of a feed"), stats };
}

function exchange(url, token) {
  const headers = [{ name: "Accept", value: "application/json" }];
  if (token !== undefined) headers.push({ name: "Authorization", value: `Bearer ${token}` });
  try {
    return send({ method: "GET", url, headers, body: new Uint8Array(), timeoutMs: 30_000 });
  } catch (error) {
    const { tag, val } = error.payload ?? error;
    const kinds = { denied: "config", "too-large": "protocol" };
    const code = { other: "exchange_failed", "too-large": "too_large" }[tag] ?? tag;
    throw { ...failed(kinds[tag] ?? "transient", code, val), stats: { ...NOTHING, requests: 1 } };
  }
}

function meaningOf(status) {
  const told = `the feed answers with status ${status}`;
  if (status === 401 || status === 403) return ["auth", "forbidden", told];
  if (status === 410) return ["cursor", "position_gone", `${told}: begin anew, without what is gone`];
  if (status === 429) return ["throttled", "rate_limited", told];
  return status >= 500 ? ["transient", "feed_failed", told] : ["protocol", "unexpected_status", told];
}

function eventOf(item) {
  const time = Date.parse(item.time);
  const nanos = time >= 0 ? BigInt(time) * 1_000_000n : undefined;
  return { id: item.id, kind: KIND, time: nanos, body: JSON.stringify(item) };
}

function positionOf(cursor, feed) {
  const { url, since } = readCursor(cursor);
  if (url === feed || feed === undefined) return since;
  throw failed("cursor", "cursor_foreign", "the cursor is of another feed: begin anew without it");
}

function readCursor(cursor) {
  try {
    const { version, url, since } = JSON.parse(cursor);
    const isWhole = [url, since].every((text) => typeof text === "string");
    if (version === 1 && isWhole) return { version, url, since };
  } catch {
    // Told below.
  }
  throw failed("cursor", "cursor_refused", "the cursor is not one of this source");
}

/** The configuration, if there is no fault in it. */
function read(config) {
  try {
    const { url, token, ...others } = JSON.parse(config);
    const keeps = (name, value) => new RegExp(SCHEMA.properties[name].pattern).test(value);
    const isSound = keeps("url", url) && (token === undefined || keeps("token", token));
    return isSound && Object.keys(others).length === 0 ? { url, token } : undefined;
  } catch {
    return undefined;
  }
}

function failed(kind, code, message) {
  return { kind, code, message, notices: [], stats: NOTHING };
}
