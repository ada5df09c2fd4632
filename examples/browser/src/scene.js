// What the API is to answer, and when: the second and third part of the form.

import { byId, element, fill } from './element.js';
import { millisOf, rfc3339 } from './moment.js';
import { readPaste } from './paste.js';
import { REPLIES } from './replies.js';
import { SAMPLE, SAMPLE_BODY, SAMPLE_CLOCK, SAMPLE_SETTINGS } from './sample.js';

const MINUTE = 60_000;

/** Puts the sample in. */
export function restoreSample() {
  byId('rows').value = SAMPLE;
  byId('settings').value = SAMPLE_SETTINGS;
  setClock(millisOf(SAMPLE_CLOCK));
}

/** Offers every reply. */
export function offerReplies() {
  fill(
    byId('reply'),
    REPLIES.map(({ name, label }) => element('option', { value: name }, label)),
  );
}

const choice = () => REPLIES.find(({ name }) => name === byId('reply').value);

/** Says what the chosen reply is, and shows the fields that it needs. */
export function showReply() {
  byId('reply-what').textContent = choice().what;
  const isOwn = choice().name === 'own';
  byId('own').hidden = !isOwn;
  byId('rows-label').textContent = isOwn
    ? 'the body'
    : 'the API’s rows: paste yours over the sample';
  byId('rows-hint').hidden = isOwn;
}

/** Has the sample as a whole body where a body is asked for, as long as nobody has changed it. */
export function offerBody() {
  const rows = byId('rows');
  const [from, to] = choice().name === 'own' ? [SAMPLE, SAMPLE_BODY] : [SAMPLE_BODY, SAMPLE];
  if (rows.value === from) rows.value = to;
}

/** The scene for a call: the reply chosen, what was pasted, the time; or `{fault}`. */
export function scene() {
  const millis = clockMillis();
  if (Number.isNaN(millis)) {
    return { fault: 'the clock is no time: write it as 2026-11-01T01:00:00Z' };
  }
  if (choice().name === 'own') {
    const own = ownReply();
    return own.fault ? own : { choice: choice(), pasted: { rows: [] }, own, millis };
  }
  const pasted = readPaste(byId('rows').value);
  return pasted.fault ? pasted : { choice: choice(), pasted, own: null, millis };
}

function ownReply() {
  const body = byId('rows').value;
  const status = Number(byId('own-status').value);
  if (!Number.isInteger(status) || status < 100 || status > 599) {
    return { fault: 'the status is no number from 100 to 599' };
  }
  const headers = [];
  for (const line of byId('own-headers').value.split('\n')) {
    if (line.trim() === '') continue;
    const at = line.indexOf(':');
    if (at < 1) return { fault: `this is no header: ${line}; write name: value` };
    headers.push([line.slice(0, at).trim(), line.slice(at + 1).trim()]);
  }
  const judged = readPaste(body);
  return judged.fault?.startsWith('the text has') ? judged : { status, headers, body };
}

/** The clock that the component is given, or NaN. */
export const clockMillis = () => millisOf(byId('clock').value.trim());

export function setClock(millis) {
  byId('clock').value = rfc3339(millis);
}

/** What the pasted text is, told beside it; and where its rows lie against clock and start. */
export function judgeRows() {
  const pasted = readPaste(byId('rows').value);
  const state = byId('rows-state');
  state.className = pasted.fault ? 'bad' : 'good';
  byId('fit').hidden = true;
  if (choice().name === 'own') {
    state.textContent = 'It is given as the body, as it is.';
  } else if (pasted.fault) {
    state.textContent = `${pasted.fault}.`;
  } else if (pasted.body) {
    state.textContent = 'A whole reply: it is given as it is, whatever is asked for.';
  } else {
    const outside = outsideOf(pasted.rows);
    const count = pasted.rows.length === 1 ? '1 row' : `${pasted.rows.length} rows`;
    state.textContent = outside.length === 0 ? `${count}.` : `${count}: ${told(outside)}`;
    byId('fit').hidden = outside.length === 0;
  }
}

const told = ({ length }) =>
  `${length === 1 ? 'one lies' : `${length} lie`} before start or after the clock, and will not ` +
  'be asked for.';

/** Whether all rows that were pasted lie outside of start and clock. */
export function lieAllOutside() {
  const { rows } = readPaste(byId('rows').value);
  return choice().name !== 'own' && rows?.length > 0 && outsideOf(rows).length === rows.length;
}

/** Sets the clock a minute after the newest row, and `start` before the oldest. */
export function fit() {
  const { rows = [] } = readPaste(byId('rows').value);
  const times = rows.map(({ millis }) => millis).filter(Number.isFinite);
  if (times.length === 0) return;
  const latest = times.reduce((a, b) => Math.max(a, b));
  const earliest = times.reduce((a, b) => Math.min(a, b));
  setClock((Math.floor(latest / MINUTE) + 1) * MINUTE);
  setStart(Math.floor(earliest / MINUTE) * MINUTE);
}

function outsideOf(rows) {
  const [start, clock] = [startMillis(), clockMillis()];
  return rows.filter(({ millis }) => millis < start || millis > clock);
}

const START = /("start"\s*:\s*")([^"]*)(")/;

/** `start` of the settings; left out, it is a day before the clock. */
export function startMillis() {
  const written = START.exec(byId('settings').value)?.[2];
  return written === undefined ? clockMillis() - 1440 * MINUTE : millisOf(written);
}

/** Changes `start` in the text of the settings, or adds it, and leaves the rest as it is typed. */
function setStart(millis) {
  const settings = byId('settings');
  const start = rfc3339(millis);
  if (START.test(settings.value)) {
    settings.value = settings.value.replace(START, (_, head, __, tail) => head + start + tail);
  } else {
    const isEmpty = /^\s*\{\s*\}\s*$/.test(settings.value);
    settings.value = settings.value.replace('{', `{\n  "start": "${start}"${isEmpty ? '' : ','}`);
  }
}
