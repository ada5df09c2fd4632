// Makes the source's HTTP exchanges, on a thread of its own: the component waits for each of them.
// Not by `fetch`, which takes a gzip stream that is cut for a whole one, and sends again after 421.
import { once } from "node:events";
import http from "node:http";
import https from "node:https";
import { gunzipSync } from "node:zlib";
import { runAsWorker } from "synckit";
const BODY_BYTES_MAX = 16 << 20, MS_MAX = 30_000;
const FAILURES = { ENOTFOUND: "dns", EAI_AGAIN: "dns", ECONNREFUSED: "connect", EPROTO: "tls",
  EHOSTUNREACH: "connect", ENETUNREACH: "connect", ETIMEDOUT: "connect", ABORT_ERR: "timeout",
  ERR_BUFFER_TOO_LARGE: "too-large" };

// One exchange with an allowed origin: no redirect, no second try. Throws an http-error.
runAsWorker(async ({ method, url, headers, body, timeoutMs }, allow) => {
  const target = URL.canParse(url) ? new URL(url) : { origin: "what is no URL" }, { origin } = target;
  if (!allow.has(origin) || target.username || headers.some(({ name }) => /^host$/i.test(name))) {
    throw { tag: "denied", val: `${origin} is not in \`allow\`, or \`Host\` is set` };
  }
  if (/^(CONNECT|TRACE|TRACK)$/i.test(method)) { // would tell what others have added
    throw { tag: "denied", val: `the method ${method} is not one that may be used` };
  }
  const signal = AbortSignal.timeout(Math.min(timeoutMs ?? MS_MAX, MS_MAX));
  try {
    const request = (target.protocol === "https:" ? https : http).request(target, { method, signal });
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
    const received = Object.entries(response.headersDistinct).flatMap(
      ([name, values]) => values.map((value) => ({ name, value })));
    return { status: response.statusCode, headers: received, body: whole };
  } catch (error) {
    // Not the text, which may repeat a header.
    const name = signal.aborted ? "ABORT_ERR" : (error.code ?? error.name);
    const tag = FAILURES[name] ?? (/CERT|SIGN|SSL|TLS/.test(name) ? "tls" : "other");
    throw { tag, val: `${origin}: ${name}` };
  }
});
