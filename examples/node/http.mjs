// Makes the source's HTTP exchanges, on a thread of its own: the component waits for each of them.
// Not by `fetch`, which takes a gzip stream that is cut for a whole one, and sends again after 421.
import { once } from "node:events";
import http from "node:http";
import https from "node:https";
import { gunzipSync } from "node:zlib";
import { runAsWorker } from "synckit";
const BODY_BYTES_MAX = 16 << 20, MS_MAX = 30_000;
const HEADERS_MAX = 256, HEADER_BYTES_MAX = 64 << 10; // of a response
const METHOD = /^(?!(CONNECT|TRACE|TRACK)$)[A-Z]+$/; // these would tell what others have added
const TRANSPORT = new RegExp("^(accept-encoding|connection|content-length|expect|host|keep-alive|te" +
  "|trailer|transfer-encoding|upgrade|proxy-.*)$", "i");
const FAILURES = { ENOTFOUND: "dns", EAI_AGAIN: "dns", ECONNREFUSED: "connect", EPROTO: "tls",
  EHOSTUNREACH: "connect", ENETUNREACH: "connect", ETIMEDOUT: "connect", ABORT_ERR: "timeout",
  ERR_BUFFER_TOO_LARGE: "too-large", HPE_HEADER_OVERFLOW: "too-large" };

// One exchange with an allowed origin: no redirect, no second try. Throws an http-error.
runAsWorker(async ({ method, url, headers, body, timeoutMs }, allow) => {
  const target = URL.canParse(url) ? new URL(url) : { origin: "what is no URL" }, { origin } = target;
  const why = refusal(target, allow, { method, url, headers, body });
  if (why) throw { tag: "denied", val: why };
  const signal = AbortSignal.timeout(Math.min(timeoutMs ?? MS_MAX, MS_MAX));
  try {
    const { request: open } = target.protocol === "https:" ? https : http;
    const request = open(target, { method, signal, maxHeaderSize: 2 * HEADER_BYTES_MAX });
    request.setHeader("accept-encoding", "gzip");
    headers.forEach(({ name, value }) => request.appendHeader(name, value));
    request.end(body);
    const [response] = await once(request, "response", { signal }); // (a 101 gives none)
    let pieces = [], length = 0;
    for await (const piece of response) {
      if ((length += piece.length) > BODY_BYTES_MAX) throw { code: "ERR_BUFFER_TOO_LARGE" };
      pieces.push(piece);
    }
    let whole = Buffer.concat(pieces);
    if (length && /^(x-)?gzip$/i.test(response.headers["content-encoding"])) {
      whole = gunzipSync(whole, { maxOutputLength: BODY_BYTES_MAX });
    }
    const { rawHeaders: raw } = response;
    if (raw.length > 2 * HEADERS_MAX || raw.join("").length > HEADER_BYTES_MAX) {
      throw { code: "HPE_HEADER_OVERFLOW" };
    }
    const text = (value) => Buffer.from(value, "latin1").toString(); // each byte was a letter
    const received = Object.entries(response.headersDistinct).flatMap(
      ([name, values]) => values.map((value) => ({ name, value: text(value) })));
    return { status: response.statusCode, headers: received, body: whole };
  } catch (error) {
    // Not the text, which may repeat a header.
    const name = signal.aborted ? "ABORT_ERR" : (error.code ?? error.name);
    const tag = FAILURES[name] ?? (/CERT|SIGN|SSL|TLS/.test(name) ? "tls" : "other");
    throw { tag, val: `${origin}: ${name}` };
  }
});

/** Why a request may not be sent, if so. */
function refusal({ origin, username }, allow, { method, url, headers, body }) {
  const size = headers.reduce((sum, { name, value }) => sum + Buffer.byteLength(name + value), 0);
  if (!allow.has(origin) || username) return `${origin} is not in \`allow\``;
  if (!METHOD.test(method)) return `the method ${method} is not one that may be used`;
  if (headers.some(({ name }) => TRANSPORT.test(name))) {
    return "a header belongs to the transport: leave it to the host";
  }
  if (headers.length > 64 || size > 64 << 10) return "more than 64 headers, or 64 KiB of them";
  if (url.length > 16 << 10 || body.length > 4 << 20) {
    return "a URL of more than 16 KiB, or a body of more than 4 MiB";
  }
}
