// The calls so far, a line each, and the way back to the cursor that each began with.

import { byId, element, fill } from './element.js';
import { inBrief } from './outcome.js';
import { rfc3339 } from './moment.js';

/** What is kept of a call. */
export const inHistory = ({ number, name, cursor, scene, outcome }) => ({
  number,
  name,
  cursor,
  after: outcome.ok?.cursor ?? cursor,
  millis: scene.millis,
  brief: inBrief(outcome),
});

/** Shows the newest calls first. `goBack` takes a call whose cursor is to be put back. */
export function showHistory(calls, goBack) {
  byId('history').hidden = calls.length === 0;
  const rows = calls
    .toReversed()
    .map((call) =>
      element(
        'tr',
        { data: { call: String(call.number) } },
        element('th', { scope: 'row' }, `${call.number} · ${call.name}`),
        element('td', { data: { label: 'clock' } }, rfc3339(call.millis)),
        element('td', { data: { label: 'outcome' } }, call.brief),
        element('td', { data: { label: 'complete before' } }, watermark(call.after)),
        element('td', {}, call.name === 'poll' ? back(call, goBack) : null),
      ),
    );
  fill(byId('calls'), rows);
}

const back = (call, goBack) =>
  element(
    'button',
    { type: 'button', class: 'small', on: { click: () => goBack(call) } },
    call.cursor === null ? 'back to no cursor' : 'back to its cursor',
  );

const watermark = (cursor) => (cursor === null ? '–' : JSON.parse(cursor).watermark);
