// The outcome of a call in words: of a poll a batch or an error, of a check a report.

import { element, table } from './element.js';
import { duration, ofNanos } from './moment.js';

const REMEDIES = {
  transient: 'It may pass by itself: the host waits and polls again.',
  throttled: 'The API is healthy and asks for patience. No failure: the host waits and polls again.',
  auth: 'The API refuses the credentials, or what they may do. A person must act.',
  config: 'The configuration cannot be used, or the host denied the request. A person must act.',
  cursor: 'The cursor is at fault. A person must decide; going on would be a guess.',
  protocol: 'The API answered something that is not understood.',
};

/** One line on an outcome, for the status, the heading and the history. */
export function inBrief({ ok, error, trap }) {
  if (trap !== undefined) return 'the component broke off';
  if (error) return `${isFailure(error) ? `error ${error.kind}` : error.kind}: ${error.code}`;
  if (!('events' in ok)) return 'the check passed';
  const dropped = ok.stats.duplicates;
  return (
    counted(ok.events.length, 'event') +
    (dropped > 0 ? `, ${counted(dropped, 'known row')} dropped` : '') +
    `; ${ok.more ? 'more to come' : 'caught up'}`
  );
}

const isFailure = ({ kind }) => kind !== 'throttled';

/** `1 row`, `2 rows` */
export const counted = (count, noun) => `${count} ${noun}${count === 1 ? '' : 's'}`;

/** What the call gave, apart from events and cursor. */
export function outcomeFacts(outcome) {
  const { ok, error, trap } = outcome;
  if (trap !== undefined) {
    return element(
      'div',
      { class: 'callout bad', id: 'outcome', data: { outcome: 'trap' } },
      element('p', {}, `The component broke off: ${trap}.`),
      element(
        'p',
        {},
        'To a host this is an error of the kind protocol: the cursor stands, the instance was ' +
          'thrown away and a fresh one takes the next call.',
      ),
    );
  }
  const given = ok ?? error;
  return element(
    'div',
    { id: 'outcome', data: { outcome: error ? 'error' : 'ok' } },
    error ? errorFacts(error) : null,
    notices(given.notices),
    element('dl', { class: 'facts' }, facts(given)),
  );
}

function errorFacts(error) {
  return element(
    'div',
    { class: isFailure(error) ? 'callout bad' : 'callout' },
    element(
      'p',
      {},
      'kind ',
      element('code', { data: { part: 'kind' } }, error.kind),
      ', code ',
      element('code', { data: { part: 'code' } }, error.code),
    ),
    element('p', { data: { part: 'message' } }, error.message),
    element('p', {}, `${REMEDIES[error.kind]} The cursor that was handed in still stands.`),
    error.retryAfterMs === undefined
      ? null
      : element(
          'p',
          {},
          'Poll again no earlier than in ',
          element('span', { data: { part: 'retry-after' } }, duration(error.retryAfterMs)),
          ' (retry-after-ms ',
          String(error.retryAfterMs),
          '): the API’s own wish.',
        ),
  );
}

function notices(list) {
  if (list.length === 0) return null;
  return table(
    'Notices',
    ['level', 'notice', 'message'],
    list.map(({ level, code, message }) =>
      element(
        'tr',
        { data: { notice: code } },
        element('td', {}, level),
        element('td', {}, element('code', {}, code)),
        element('td', {}, message),
      ),
    ),
  );
}

function facts(given) {
  const { stats, quota } = given;
  const shown = [];
  if ('events' in given) {
    shown.push(
      ['more', given.more ? 'true: poll again at once' : 'false: caught up'],
      [
        'next-poll-ms',
        `${given.nextPollMs}${given.more ? '' : ` (${duration(given.nextPollMs)})`}`,
      ],
    );
    const { progress } = given;
    if (progress === undefined) shown.push(['progress', 'none: its position is no time']);
    else {
      shown.push(
        ['progress.complete-until', ofNanos(progress.completeUntil)],
        ['progress.target', ofNanos(progress.target)],
        ['progress.newest', progress.newest === undefined ? 'none' : ofNanos(progress.newest)],
      );
    }
  }
  if ('clockOffsetMs' in given || 'newest' in given) {
    const { newest, clockOffsetMs } = given;
    shown.push(
      ['newest', newest === undefined ? 'none' : ofNanos(newest)],
      ['clock-offset-ms', clockOffsetMs === undefined ? 'not told' : String(clockOffsetMs)],
    );
  }
  shown.push(
    [
      'stats',
      [
        counted(stats.requests, 'request'),
        counted(stats.rows, 'row'),
        counted(stats.duplicates, 'duplicate'),
      ].join(', '),
    ],
    ['counters', stats.counters.map(({ name, value }) => `${name} ${value}`).join(', ') || 'none'],
    ['bytes', `${stats.sentBytes} sent, ${stats.receivedBytes} received`],
    [
      'quota',
      quota === undefined
        ? 'not told'
        : `${quota.remaining}${quota.limit === undefined ? '' : ` of ${quota.limit}`} left, ` +
          `filled up in ${duration(quota.resetMs)}`,
    ],
  );
  return shown.map(([name, text]) =>
    element('div', { data: { fact: name } }, element('dt', {}, name), element('dd', {}, text)),
  );
}
