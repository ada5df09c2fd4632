// The cursor before and after a poll, and what moved. A host takes it as a text and looks no
// further; this page looks into it to show how it works.

import { block, element, folded, table } from './element.js';
import { indented } from './json_text.js';

const MEANINGS = {
  stream: 'what is collected: a cursor of another stream is refused',
  watermark: 'every row before it is delivered; nothing below is asked for again',
  newest: 'the newest event time delivered',
  clock_offset_secs: 'the API’s clock less the host’s',
  filters: 'a fingerprint of the filters',
  span_secs: 'how long the next window is to be',
  economy_passes: 'passes in a row that ended early, since nothing was new',
  pass: 'the way from the watermark to the present, in windows',
  'pass.planned': 'when the pass under way was planned',
  'pass.end': 'where it ends',
  'pass.setbacks.count': 'requests that led nowhere since the last new row',
  'pass.asks_newest': 'the newest row alone is asked for first',
  'pass.window.from': 'the window under way: from',
  'pass.window.to': 'the window under way: to',
  'pass.window.token.text': 'the API’s token for its next page, in base64',
  'pass.window.token.received': 'when the token came: an old one is not sent',
  'pass.window.shown': 'the newest time known when its reading began',
  'pass.window.rows': 'rows read in it so far',
  seen: 'rows delivered from a little below the watermark on, as keys',
};
const SEEN_KEY_BYTES = 6;

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

/** How many rows are in the list: each has its second, less that of the one before, and its key. */
function seen(base64) {
  const bytes = Uint8Array.from(atob(base64), (byte) => byte.charCodeAt(0));
  let [at, second, count] = [0, 0, 0];
  while (at < bytes.length) {
    let [head, place] = [0, 1];
    do {
      head += (bytes[at] & 0x7f) * place;
      place *= 0x80;
      at += 1;
    } while (bytes[at - 1] >= 0x80);
    second += Math.floor(head / 2);
    // One without a second has the end of its memory beside its key; and a tally takes two bytes.
    at += SEEN_KEY_BYTES + (second === 0 ? 4 : 0) + (head % 2) * 2;
    count += 1;
  }
  return count === 1 ? '1 row' : `${count} rows`;
}

/**
 * What a poll did to the cursor: what matters and changed first, all else folded. `words` is what the
 * component says of the one after, or null.
 */
export function cursorChange(before, after, words) {
  const [old, now] = [membersOf(before), membersOf(after)];
  const members = changesOf(old, now);
  const counts = ({ path, isChanged }) => path === 'watermark' || (isChanged && path in MEANINGS);
  const others = members.filter((member) => !counts(member));
  return element(
    'div',
    { id: 'cursor-change' },
    members.length === 0 ? element('p', {}, 'There is none yet.') : null,
    words === null ? null : inWords(words),
    members.some(counts) ? change(members.filter(counts), before !== null) : null,
    others.length > 0
      ? folded(`${others.length} more members`, () => change(others, before !== null))
      : null,
    after === null
      ? null
      : folded('the text that the host stores', () =>
          element(
            'div',
            {},
            block(after, { data: { part: 'cursor-text' }, 'aria-label': 'Cursor' }),
            block(indented(after), { 'aria-label': 'Cursor, indented' }),
          ),
        ),
  );
}

/** The component's own words, which every host can show. */
const inWords = (words) =>
  element(
    'dl',
    { class: 'facts', 'aria-label': 'The cursor in words' },
    words.map(([name, value]) =>
      element('div', { data: { word: name } }, element('dt', {}, name), element('dd', {}, value)),
    ),
  );

/** A pass that has ended is one change, not one for each of its members. */
function changesOf(old, now) {
  const isOfPass = (path) => path.startsWith('pass.');
  const hasEnded = Object.keys(old).some(isOfPass) && !Object.keys(now).some(isOfPass);
  const paths = [...new Set([...Object.keys(now), ...Object.keys(old)])].filter(
    (path) => path !== 'version' && !(hasEnded && isOfPass(path)),
  );
  const changes = paths.map((path) => ({
    path,
    before: old[path] ?? '–',
    after: now[path] ?? '–',
    isChanged: old[path] !== now[path],
  }));
  if (hasEnded)
    changes.push({ path: 'pass', before: 'under way', after: 'ended', isChanged: true });
  return changes;
}

function change(members, hasBefore) {
  const rows = members.map(({ path, before, after, isChanged }) =>
    element(
      'tr',
      { class: isChanged ? 'changed' : null, data: { member: path } },
      element('th', { scope: 'row' }, path, element('small', {}, MEANINGS[path] ?? '')),
      element('td', { data: { part: 'before', label: 'before' } }, before),
      element(
        'td',
        { data: { part: 'after', label: 'after' } },
        isChanged && hasBefore ? element('mark', {}, after) : after,
      ),
    ),
  );
  return table('The cursor before and after', ['member', 'before', 'after'], rows);
}
