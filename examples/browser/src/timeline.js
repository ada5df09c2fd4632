// A line of time: what is complete, what was asked for, and where the rows lie.

import { element } from './element.js';
import { rfc3339 } from './moment.js';

const ROWS_SHOWN_MAX = 500;

/**
 * All times in milliseconds. `rows` have a time and whether they became events; `before` and
 * `after` are watermarks, null if there is none.
 */
export function timeline({ start, clock, asked, rows, before, after }) {
  const times = [start, clock, asked?.from, asked?.to, before, after].filter(Number.isFinite);
  const [first, last] = [Math.min(...times), Math.max(...times)];
  const span = Math.max(last - first, 1000);
  const percent = (millis) => Math.min(Math.max(((millis - first) / span) * 100, 0), 100);
  const bar = (kind, from, to) =>
    Number.isFinite(from) && Number.isFinite(to) && to > from
      ? at(element('span', { class: `bar ${kind}` }), percent(from), percent(to) - percent(from))
      : null;
  const dots = rows
    .slice(0, ROWS_SHOWN_MAX)
    .filter(({ millis }) => Number.isFinite(millis))
    .map(({ millis, isNew }) =>
      at(element('span', { class: isNew ? 'dot new' : 'dot known' }), percent(millis)),
    );
  const known = rows.filter(({ isNew }) => !isNew).length;
  return element(
    'figure',
    { class: 'timeline' },
    lane('asked for', asked ? told(asked.from, asked.to) : 'nothing', [
      asked ? bar('asked', asked.from, asked.to) : null,
    ]),
    lane(
      'rows',
      `${rows.length - known} new${known > 0 ? `, ${known} known and dropped` : ''}`,
      dots,
    ),
    lane('complete', after === null ? 'nothing yet' : `before ${clockTime(after)}`, [
      bar('complete', first, before ?? after),
      before !== null && after !== null ? bar('moved', before, after) : null,
    ]),
    element(
      'div',
      { class: 'axis', 'aria-hidden': 'true' },
      element('span', {}, rfc3339(first)),
      element('span', {}, rfc3339(last)),
    ),
  );
}

function lane(name, text, marks) {
  return element(
    'div',
    { class: 'lane' },
    element('span', { class: 'name' }, `${name}: ${text}`),
    element('span', { class: 'track', 'aria-hidden': 'true' }, marks),
  );
}

/** The page's policy forbids styles in markup; a place is set by script. */
function at(mark, left, width) {
  mark.style.left = `${left}%`;
  if (width !== undefined) mark.style.width = `${width}%`;
  return mark;
}

const told = (from, to) => `${clockTime(from)} to ${clockTime(to)}`;
const clockTime = (millis) => rfc3339(millis).slice(11).replace('Z', '');
