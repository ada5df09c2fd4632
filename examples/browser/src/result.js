// What a call gave, part by part.

import { cursorChange, membersOf } from './cursor.js';
import { byId, element, fill } from './element.js';
import { eventList } from './events.js';
import { duration, ofNanos, millisOf } from './moment.js';
import { counted, inBrief, outcomeFacts } from './outcome.js';
import { requests, rowsOf, windowOf } from './requests.js';
import { timeline } from './timeline.js';

/** Shows a call with all that belongs to it. */
export async function showResult(call) {
  const { outcome, exchanges, keys, scene, cursor, keptToken } = call;
  const offset = Number(membersOf(cursor).clock_offset_secs ?? 0) * 1000;
  const sent = await requests(exchanges, keys, scene.millis, offset, keptToken);
  const after = outcome.ok?.cursor ?? cursor;
  const isPoll = call.name === 'poll';
  fill(
    byId('result'),
    element(
      'h2',
      { id: 'result-title', tabindex: '-1' },
      `${isPoll ? 'Poll' : 'Check'} ${call.number}: ${inBrief(outcome)}`,
    ),
    isPoll ? element('p', { class: 'hint', data: { part: 'next-step' } }, nextStep(outcome)) : null,
    isPoll ? picture(call) : null,
    part('What came back', outcomeFacts(outcome), true),
    isPoll && call.forms
      ? part(`Events: ${call.forms[call.format].length}`, eventList(call.forms, call.format), true)
      : null,
    part(
      `What the component sent: ${counted(exchanges.length, 'request')}`,
      sent.length > 0
        ? element('div', { id: 'requests' }, sent)
        : element('p', { id: 'requests' }, 'Nothing.'),
      true,
    ),
    isPoll ? part(cursorTitle(cursor, after), cursorChange(cursor, after, call.words), true) : null,
  );
}

/** What a host does now, and what can be seen by it here. */
function nextStep({ ok }) {
  if (!ok) {
    return (
      'Nothing moved. Mend what is named, or let the API answer with a page, and poll: it goes on ' +
      'where it stood.'
    );
  }
  if (ok.more) return 'There is more: a host polls again at once, from the new cursor.';
  return (
    `A host waits ${duration(ok.nextPollMs)} now, and the clock here was moved on by that. Poll ` +
    'again: the last minutes are read once more, rows that are known are dropped, and those that ' +
    'showed up late are found.'
  );
}

const cursorTitle = (before, after) =>
  before === after ? 'The cursor: it stands' : 'The cursor: what moved';

const part = (title, content, open) =>
  element(
    'details',
    { class: 'part', open },
    element('summary', {}, element('h3', {}, title)),
    content,
  );

function picture({ outcome, exchanges, scene, cursor, start, forms }) {
  if (windowOf(exchanges) === null) return null;
  const ids = new Set((forms?.raw ?? []).map(({ body }) => idOf(body)));
  const rows = rowsOf(exchanges).map((row) => ({ ...row, isNew: ids.delete(row.id) }));
  const before = cursor === null ? null : millisOf(membersOf(cursor).watermark);
  const batch = outcome.ok;
  return timeline({
    start: before === null ? start : Math.min(start, before),
    clock: scene.millis,
    asked: windowOf(exchanges),
    rows,
    before: before ?? start,
    after: batch?.progress ? millisOf(ofNanos(batch.progress.completeUntil)) : before,
  });
}

function idOf(body) {
  try {
    return JSON.parse(body).id;
  } catch {
    return undefined;
  }
}
