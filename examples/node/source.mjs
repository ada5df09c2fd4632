// The component in its sandbox: it reaches `send`, the clock and random bytes, nothing else.
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { setFlagsFromString } from "node:v8";

setFlagsFromString("--wasm-max-mem-pages=1024"); // 64 MiB of memory
delete process.env.JCO_DEBUG; // or jco would print the configuration
/** A new instance of the component that `npm run transpile` has put into a folder. */
export async function instantiate(folder, send) {
  const component = await import(resolve(folder, "source.js"));
  const compile = (name) => new WebAssembly.Module(readFileSync(resolve(folder, name)));
  const getRandomU64 = () => randomBytes(8).readBigUInt64LE();
  const now = () => ({ seconds: BigInt(Math.floor(Date.now() / 1000)), nanoseconds: 0 });
  const exports = await component.instantiate(compile, { // these names come without their versions
    "polling-source:contract/http": { send },
    "wasi:clocks/wall-clock": { now },
    "wasi:random/random": { getRandomBytes: (count) => randomBytes(Number(count)), getRandomU64 },
  });
  return exports.source;
}
