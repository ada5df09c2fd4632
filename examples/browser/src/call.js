// One call of the component with this page as its host: what it was given, what it sent, what came
// back, and its outcome.

import { Guest } from './guest.js';
import { answering } from './replies.js';

/** The instance that the polls use: it may keep an access token. */
export const guest = new Guest();

/** For the other forms of the same page: what it does has no effect on the polls. */
const onlooker = new Guest();

/** A host that allows more lets a component hold it up; the contract's limit is eight. */
const SENDS_MAX = 8;

/**
 * Calls `poll` or `check`. `scene` is what the API is to answer and the time; `random` gives bytes.
 * Gives `{outcome, exchanges}`.
 */
export async function call(name, args, scene, random, by = guest) {
  const answer = answering(scene);
  const exchanges = [];
  let newest = new Uint8Array(16);
  const host = {
    now: () => scene.millis,
    random: (length) => {
      newest = random(length);
      return newest;
    },
    send: (request) => {
      if (exchanges.length === SENDS_MAX) {
        throw { tag: 'denied', val: `more than ${SENDS_MAX} requests in one call` };
      }
      const exchange = { request, random: newest, response: null, failure: null };
      exchanges.push(exchange);
      try {
        exchange.response = answer(request);
        return exchange.response;
      } catch (failure) {
        exchange.failure = failure;
        throw failure;
      }
    },
  };
  const outcome = await by.call(name, args, host);
  return { outcome, exchanges };
}

/**
 * The events of the same poll in another form: from the same cursor, at the same time, with the
 * same answers. Null where there is no batch.
 */
export async function eventsInForm(config, cursor, scene, random) {
  onlooker.discard();
  const { outcome } = await call('poll', [config, cursor], scene, random, onlooker);
  return outcome.ok?.events ?? null;
}

/** Random bytes that are the same for the same number, so that a poll can be repeated. */
export function repeatable(number) {
  let state = (number * 0x9e3779b9 + 0x7f4a7c15) >>> 0;
  return (length) =>
    Uint8Array.from({ length }, () => {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      return state & 0xff;
    });
}

/** Random bytes that nobody can foretell. */
export const unforeseen = () => (length) => crypto.getRandomValues(new Uint8Array(length));
