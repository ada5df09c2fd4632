// What the component costs in Node, as one line. A canned reply stands for the API.
import { instantiate } from "./source.mjs";

const SECS = 3;
const folder = process.argv[2] ?? new URL("../../target/node-component", import.meta.url).pathname;
const page = {
  meta: { status: 200, pagination: { pageSize: 500 } },
  data: [{ resultCount: 0, impersonationLogs: [] }],
  fail: [],
};
const body = new TextEncoder().encode(JSON.stringify(page));
const config = JSON.stringify({
  base_url: "https://api.example",
  auth: { type: "hmac", access_key: "a", secret_key: "c2VjcmV0", app_id: "app", app_key: "key" },
});

let signed = 0;
function send({ headers }) {
  if (headers.some(({ name }) => name.toLowerCase() === "authorization")) signed += 1;
  return { status: 200, headers: [], body };
}

await instantiate(folder, send); // what is compiled once is not counted
const started = performance.now();
for (let count = 0; count < 20; count += 1) await instantiate(folder, send);
const ms = (performance.now() - started) / 20;

const source = await instantiate(folder, send);
let polls = 0;
for (const end = performance.now() + SECS * 1000; performance.now() < end; polls += 1) {
  if (source.poll(config, undefined).events.length) throw new Error("the page is not empty");
}
if (signed !== polls) throw new Error(`${signed} of ${polls} requests were signed`);
const rate = Math.round(polls / SECS);
console.log(`node: ${rate} empty polls a second, signed; ${ms.toFixed(1)} ms to instantiate`);
