// The calls so far, a line each, and the way back to the cursor that each began with.

import { byId, element, fill } from './element.js';
import { inBrief } from './outcome.js';
import { rfc3339 } from './moment.js';

const CALLS_MAX = 200;

/** Shows the newest calls first. `goBack` takes a call whose cursor is to be put back. */
export function showHistory(calls, goBack) {
  byId('history').hidden = calls.length === 0;
  const rows = calls
    .slice(-CALLS_MAX)
    .reverse()
    .map((call) =>
      element(
        'tr',
        { data: { call: String(call.number) } },
        element('td', {}, String(call.number)),
        element('td', {}, call.name),
        element('td', {}, rfc3339(call.scene.millis).replace('T', ' ')),
        element('td', {}, inBrief(call.outcome)),
        element('td', {}, watermark(call.outcome.ok?.cursor ?? call.cursor)),
        element(
          'td',
          {},
          call.name === 'poll'
            ? element(
                'button',
                { type: 'button', class: 'small', on: { click: () => goBack(call) } },
                call.cursor === null ? 'back to no cursor' : 'back to its cursor',
              )
            : null,
        ),
      ),
    );
  fill(byId('calls'), rows);
}

const watermark = (cursor) =>
  cursor === null ? '–' : JSON.parse(cursor).watermark.replace('T', ' ');
