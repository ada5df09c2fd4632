// The page: joins the form, the component and what is shown of it. It keeps what a host keeps, the
// cursor, and polls when a person asks for it.

import { call, eventsInForm, guest, repeatable, unforeseen } from './call.js';
import {
  FORMATS,
  authType,
  configuration,
  format,
  keys,
  showCredentials,
  showFaults,
} from './configuration.js';
import { byId } from './element.js';
import { inHistory, showHistory } from './history.js';
import { inBrief } from './outcome.js';
import { tokenIn } from './requests.js';
import { showResult } from './result.js';
import {
  clockMillis,
  fit,
  judgeRows,
  lieAllOutside,
  offerBody,
  offerReplies,
  restoreSample,
  scene,
  setClock,
  showReply,
  startMillis,
} from './scene.js';
import { tryToSend } from './policy.js';

/** The wait of this page's host after an error for which the API named none. */
const ERROR_WAIT_MS = 500;
const MINUTE = 60_000;
const CALLS_MAX = 100;
/** The height of the bar of buttons at the foot of a narrow page. */
const BAR_PX = 120;

const state = {
  /** What a host stores. */
  cursor: null,
  /** How many calls were made, and what is kept of the newest. */
  count: 0,
  calls: [],
  /** The access token that was given out last. */
  token: null,
  isBusy: false,
  /** The clock at the first poll. */
  begun: null,
};

async function run(name) {
  if (state.isBusy) return;
  state.isBusy = true;
  try {
    const config = configuration();
    const now = scene();
    if (config === null) tell('Not called: the settings are no JSON object.');
    else if (now.fault) tell(`Not called: ${now.fault}.`);
    else await made(name, config, now);
  } catch (error) {
    // A fault of this page, not of the component: say it, and stay usable.
    guest.discard();
    tell(`This page failed: ${error.message}. The cursor stands; try again, or reset.`);
  } finally {
    state.isBusy = false;
  }
}

async function made(name, config, now) {
  const number = state.count + 1;
  const cursor = name === 'poll' ? state.cursor : null;
  const args = name === 'poll' ? [config, cursor ?? undefined] : [config];
  const random = () => (byId('repeatable').checked ? repeatable(number) : unforeseen());
  const given = await call(name, args, now, random());
  const one = {
    ...given,
    name,
    number,
    cursor,
    scene: now,
    keys: keys(),
    start: startMillis(),
    format: format(),
    keptToken: state.token,
    words: name === 'poll' && given.outcome.ok ? await inWords(given.outcome.ok.cursor) : null,
    forms: name === 'poll' && given.outcome.ok ? await forms(cursor, now, given.outcome.ok) : null,
  };
  state.token = given.exchanges.map(tokenIn).findLast((token) => token !== null) ?? state.token;
  state.count = number;
  state.calls.push(inHistory(one));
  state.calls.splice(0, state.calls.length - CALLS_MAX);
  if (name === 'poll') {
    state.begun ??= now.millis;
    moveOn(given.outcome, now);
  }
  await showResult(one);
  showState();
  tell(`${name === 'poll' ? 'Poll' : 'Check'} ${number}: ${inBrief(given.outcome)}.`, true);
  const { top, bottom } = byId('result-title').getBoundingClientRect();
  if (top < 0 || bottom > window.innerHeight - BAR_PX) byId('result').scrollIntoView();
}

/** A cursor as the component explains it. */
const inWords = async (cursor) => (await guest.call('explainCursor', [cursor])).ok ?? null;

/** The events of the same poll in each form. */
async function forms(cursor, now, batch) {
  const made = { [format()]: batch.events };
  for (const other of FORMATS.filter((one) => one !== format())) {
    const bytes = repeatable(state.count + 1);
    const events = await eventsInForm(configuration(other), cursor ?? undefined, now, bytes);
    if (events !== null) made[other] = events;
  }
  return made;
}

/** What a host does after a poll: it stores the cursor, and waits as long as it was asked to. */
function moveOn({ ok, error }, now) {
  if (ok) state.cursor = ok.cursor;
  setClock(now.millis + Number(ok ? ok.nextPollMs : (error?.retryAfterMs ?? ERROR_WAIT_MS)));
  judgeRows();
}

function reset() {
  state.cursor = null;
  state.calls = [];
  state.count = 0;
  state.token = null;
  guest.discard();
  if (state.begun !== null) setClock(state.begun);
  state.begun = null;
  byId('result').replaceChildren(...introduction.map((node) => node.cloneNode(true)));
  showState();
  judgeRows();
  tell('Begun anew: there is no cursor.');
}

/** As after a crash, or with a backup put back: an earlier cursor is polled from again. */
function goBack(one) {
  state.cursor = one.cursor;
  setClock(one.millis);
  showState();
  judgeRows();
  tell(`The cursor is the one that poll ${one.number} began with.`);
}

function showState() {
  const watermark = state.cursor === null ? null : JSON.parse(state.cursor).watermark;
  byId('poll').textContent = state.cursor === null ? 'Poll' : 'Poll again';
  byId('cursor-state').textContent =
    watermark === null ? 'no cursor yet' : `cursor: complete before ${watermark}`;
  showHistory(state.calls, goBack);
}

/** Says it to all readers. `isTitle`: where there is room for the result's title, that says it. */
function tell(text, isTitle = false) {
  byId('told').textContent = text;
  byId('told').classList.toggle('is-title', isTitle);
}

function restore() {
  restoreSample();
  byId('reply').value = 'page';
  showReply();
  reset();
  configChanged();
}

function configChanged() {
  showCredentials();
  showFaults(guest);
  judgeRows();
}

function rowsPasted() {
  if (lieAllOutside()) {
    reset();
    fit();
    tell('Clock and start were set to fit the rows; there is no cursor.');
    configChanged();
  }
  judgeRows();
}

function listen() {
  const on = (id, event, listener) => byId(id).addEventListener(event, listener);
  on('form', 'submit', (event) => {
    event.preventDefault();
    run('poll');
  });
  on('check', 'click', () => run('check'));
  on('reset', 'click', reset);
  on('configuration', 'input', configChanged);
  on('reply', 'input', () => {
    showReply();
    offerBody();
    judgeRows();
  });
  on('rows', 'input', judgeRows);
  on('rows', 'change', rowsPasted);
  on('rows', 'paste', () => setTimeout(rowsPasted));
  on('clock', 'input', judgeRows);
  on('restore', 'click', restore);
  on('fit', 'click', () => {
    fit();
    configChanged();
  });
  on('later', 'click', () => setClock((clockMillis() || Date.now()) + MINUTE));
  on('now', 'click', () => setClock(Math.floor(Date.now() / 1000) * 1000));
  on('hide-keys', 'input', () => {
    document.body.classList.toggle('hides-keys', byId('hide-keys').checked);
  });
  on('try-to-send', 'click', tryToSend);
}

async function begin() {
  offerReplies();
  restoreSample();
  showReply();
  listen();
  configChanged();
  const { ok } = await guest.call('describe', []);
  byId('who').textContent = `${ok.name} ${ok.version}`;
  byId('schema').textContent = ok.configSchema;
  document.body.dataset.ready = authType();
}

const introduction = [...byId('result').childNodes];
begin().catch((error) => tell(`The component cannot be started here: ${error.message}`));
