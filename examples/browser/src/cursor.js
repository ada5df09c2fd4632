// The cursor before and after a poll, and what moved. A host takes it as a text and looks no further;
// this page looks into it to show how it works.

import { block, element, folded, table } from './element.js';
import { indented } from './json_text.js';

const MEANINGS = {
  watermark: 'every row before it is delivered; nothing below is asked for again',
  newest: 'the newest event time delivered',
  clock_offset_secs: 'the API’s clock less the host’s',
  filters: 'a fingerprint of the filters',
  span_secs: 'how long the next window is to be',
  economy_passes: 'passes in a row that ended early, since nothing was new',
  count_trusted: 'whether the API’s resultCount is relied on',
  'pass.planned': 'when the pass under way was planned',
  'pass.end': 'where it ends',
  'pass.refusals': 'page tokens refused since the last new row',
  'pass.asks_newest': 'the newest row alone is asked for first',
  'pass.window.from': 'the window under way, from',
  'pass.window.to': 'to',
  'pass.window.token.text': 'the API’s token for its next page',
  'pass.window.token.received': 'when the token came: an old one is not sent',
  'pass.window.shown': 'the newest time known when its reading began',
  'pass.window.rows': 'rows read in it so far',
  seen: 'rows delivered from a little below the watermark on, as keys',
};
const SEEN_ENTRY_BYTES = 12;

/** The members of a cursor by their paths, as texts. Empty for none. */
export function membersOf(cursor) {
  const members = {};
  const walk = (value, path) => {
    if (value !== null && typeof value === 'object') {
      for (const [name, inner] of Object.entries(value)) {
        walk(inner, path === '' ? name : `${path}.${name}`);
      }
    } else {
      members[path] = path === 'seen' ? seen(value) : String(value);
    }
  };
  if (cursor !== null) walk(JSON.parse(cursor), '');
  return members;
}

function seen(base64) {
  const count = Math.floor((base64.length * 3) / 4 / SEEN_ENTRY_BYTES);
  return count === 1 ? '1 row' : `${count} rows`;
}

/** What a poll did to the cursor. */
export function cursorChange(before, after) {
  const [old, now] = [membersOf(before), membersOf(after)];
  const paths = [...new Set([...Object.keys(now), ...Object.keys(old)])].filter(
    (path) => path !== 'version',
  );
  const rows = paths.map((path) => {
    const isChanged = old[path] !== now[path];
    return element(
      'tr',
      { class: isChanged ? 'changed' : null, data: { member: path } },
      element('th', { scope: 'row' }, path, element('small', {}, MEANINGS[path] ?? '')),
      element('td', { data: { part: 'before' } }, old[path] ?? '–'),
      element(
        'td',
        { data: { part: 'after' } },
        isChanged ? element('mark', {}, now[path] ?? '–') : (now[path] ?? '–'),
      ),
    );
  });
  return element(
    'div',
    { id: 'cursor-change' },
    table('The cursor before and after', ['member', 'before', 'after'], rows),
    folded('the text that the host stores', () =>
      block(after ?? before ?? '', { data: { part: 'cursor-text' }, 'aria-label': 'Cursor' }),
    ),
    folded('the same, indented', () =>
      block(indented(after ?? before ?? ''), { 'aria-label': 'Cursor, indented' }),
    ),
  );
}
