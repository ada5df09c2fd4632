// Makes the source's HTTP exchanges, on a thread of its own: the component waits for each of them.
import { runAsWorker } from "synckit";
const BODY_BYTES_MAX = 16 << 20, MS_MAX = 30_000;
const FAILURES = { ENOTFOUND: "dns", EAI_AGAIN: "dns", ECONNREFUSED: "connect",
  UND_ERR_CONNECT_TIMEOUT: "connect", TimeoutError: "timeout" };

// One exchange with an allowed origin: no redirect, no second try. Throws an http-error.
runAsWorker(async ({ method, url, headers, body, timeoutMs }, allow) => {
  const origin = URL.canParse(url) ? new URL(url).origin : "what is no URL";
  if (!allow.has(origin) || headers.some(({ name }) => name.toLowerCase() === "host")) {
    throw { tag: "denied", val: `${origin} is not in \`allow\`, or \`Host\` is set` };
  }
  try {
    const signal = AbortSignal.timeout(Math.min(timeoutMs ?? MS_MAX, MS_MAX));
    const options = { method, headers: headers.map(Object.values), redirect: "manual", signal };
    const response = await fetch(url, body.length ? { ...options, body } : options);
    let pieces = [], length = 0;
    for await (const piece of response.body ?? []) {
      length += piece.length; // after gzip is undone
      if (length > BODY_BYTES_MAX) throw { tag: "too-large", val: `over ${BODY_BYTES_MAX} bytes` };
      pieces.push(piece);
    }
    const received = Array.from(response.headers, ([name, value]) => ({ name, value }));
    return { status: response.status, headers: received, body: Buffer.concat(pieces) };
  } catch (error) {
    const name = error.cause?.code ?? error.name; // not the text, which may repeat a header
    const tag = FAILURES[name] ?? (/CERT|SIGN|SSL|TLS/.test(name) ? "tls" : "other");
    throw error.tag ? error : { tag, val: `${origin}: ${name}` };
  }
});
