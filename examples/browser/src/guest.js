// The component, with this page as its host. A call that traps costs its instance, nothing else.

import { instantiate } from 'transpiled-component/source.js';
import core from 'transpiled-component/source.core.wasm';
import core2 from 'transpiled-component/source.core2.wasm';
import core3 from 'transpiled-component/source.core3.wasm';

const BYTES = {
  'source.core.wasm': core,
  'source.core2.wasm': core2,
  'source.core3.wasm': core3,
};
const compiled = new Map();
const SOURCE = 'polling-source:contract/source@0.2.0';

/** What describe and validate are promised not to use. */
const NO_HOST = {
  now: () => {
    throw new Error('the component asked for the time in a call that does no I/O');
  },
};

export class Guest {
  #source = null;
  #host = NO_HOST;

  /** Makes an instance ready, if there is none. */
  async ready() {
    this.#source ??= (await instantiate(coreModule, this.#imports()))[SOURCE];
  }

  /**
   * Calls an export: `{ok}`, `{error}` with the contract's own value, or `{trap}` with a message.
   * The host is what the three imports lead to during this call.
   */
  async call(name, args, host = NO_HOST) {
    await this.ready();
    this.#host = host;
    try {
      return { ok: this.#source[name](...args) };
    } catch (thrown) {
      // The contract's own errors are thrown as the values that they are; all else is a trap.
      if (!(thrown instanceof Error)) return { error: thrown };
      this.#source = null;
      return { trap: thrown.message };
    } finally {
      this.#host = NO_HOST;
    }
  }

  /** Forgets the instance, and with it the access token that it may keep. */
  discard() {
    this.#source = null;
  }

  #imports() {
    return {
      'polling-source:contract/http': { send: (request) => this.#host.send(request) },
      'wasi:clocks/wall-clock': {
        now: () => {
          const millis = this.#host.now();
          return {
            seconds: BigInt(Math.floor(millis / 1000)),
            nanoseconds: (millis % 1000) * 1_000_000,
          };
        },
      },
      'wasi:random/random': {
        getRandomBytes: (length) => this.#host.random(Number(length)),
      },
    };
  }
}

function coreModule(name) {
  if (!compiled.has(name)) compiled.set(name, WebAssembly.compile(BYTES[name]));
  return compiled.get(name);
}
