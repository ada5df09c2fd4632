// What the component sent and what it was answered, with the stages of each authorization.

import { block, element, folded, table } from './element.js';
import { indented } from './json_text.js';
import { bearerStages, headerOf, signatureStages, tokenStages } from './signature.js';
import { millisOf } from './moment.js';

const decoder = new TextDecoder();

/**
 * All exchanges of a call at this time. `keys` are those of the configuration, `offsetMillis` is
 * the cursor's, and `keptToken` the access token that was given out last, or null.
 */
export async function requests(exchanges, keys, millis, offsetMillis, keptToken) {
  let token = keptToken;
  let sentAt = millis + offsetMillis;
  const shown = [];
  for (const [index, exchange] of exchanges.entries()) {
    const stages = await stagesOf(exchange, keys, { sentAt, token });
    shown.push(oneRequest(exchange, stages, index, exchanges.length));
    token = tokenIn(exchange) ?? token;
    sentAt = clockOf(exchange, millis) ?? sentAt;
  }
  return shown;
}

/** The access token that the endpoint gave, if this was a request for one. */
export function tokenIn({ request, response }) {
  if (!isTokenRequest(request) || response?.status !== 200) return null;
  return JSON.parse(decoder.decode(response.body)).access_token;
}

const isTokenRequest = (request) => new URL(request.url).pathname === '/oauth/token';

/** The API's clock by a reply, if it is off by two seconds or more. */
function clockOf({ response }, millis) {
  const date = response && Date.parse(headerOf(response, 'date'));
  return date && Math.abs(date - millis) >= 2000 ? date : null;
}

async function stagesOf({ request, random }, keys, { sentAt, token }) {
  if (isTokenRequest(request)) return tokenStages(request, keys);
  if ('secret_key' in keys) {
    try {
      return await signatureStages(request, keys, { sentAt, random });
    } catch (error) {
      return `This browser cannot compute the signature here: ${error.message}`;
    }
  }
  return bearerStages(request, token);
}

function oneRequest({ request, response, failure }, stages, index, count) {
  const number = count === 1 ? '' : ` ${index + 1} of ${count}`;
  const path = new URL(request.url).pathname;
  return element(
    'section',
    { class: 'exchange', data: { request: String(index) } },
    element('h3', {}, `Request${number}: `, element('code', {}, path)),
    element(
      'p',
      { class: 'line' },
      element('code', { data: { part: 'url' } }, request.method, ' ', request.url),
    ),
    headers('Headers of the request', request.headers, 'request-headers'),
    block(bodyText(request), {
      class: isTokenRequest(request) ? 'secret' : null,
      data: { part: 'request-body' },
      'aria-label': 'Body',
    }),
    element('h4', {}, 'How it is authorized, computed here once more'),
    typeof stages === 'string' ? element('p', {}, stages) : stageTable(stages),
    element('h4', {}, 'The answer: ', answerLine(response, failure)),
    response &&
      folded('its headers and body', () =>
        element(
          'div',
          {},
          headers('Headers of the answer', response.headers, 'response-headers'),
          block(indented(decoder.decode(response.body)) || '(no body)', {
            class: isTokenRequest(request) ? 'secret' : null,
            data: { part: 'response-body' },
          }),
        ),
      ),
  );
}

const answerLine = (response, failure) =>
  response
    ? `status ${response.status}, ${response.body.length} bytes`
    : `none, ${failure.tag}: ${failure.val}`;

function bodyText(request) {
  const text = decoder.decode(request.body);
  if (!isTokenRequest(request)) return indented(text);
  return text.split('&').join('\n&');
}

function headers(caption, list, part) {
  const rows = list.map(({ name, value }) =>
    element(
      'tr',
      {},
      element('th', { scope: 'row' }, name),
      element('td', { class: name === 'authorization' ? 'secret' : null }, value),
    ),
  );
  const made = table(caption, ['header', 'value'], rows);
  made.dataset.part = part;
  return made;
}

function stageTable(stages) {
  const rows = stages.map(({ name, how, computed, sent, secret, verdict }) =>
    element(
      'tr',
      { data: { stage: name, verdict } },
      element('th', { scope: 'row' }, name, element('small', {}, how)),
      element('td', { class: secret ? 'secret' : null, data: { part: 'computed' } }, computed),
      element(
        'td',
        {},
        element('span', { class: `verdict ${VERDICT_CLASS[verdict]}` }, verdict),
        verdict === 'differs' ? element('div', { class: 'sent' }, `sent: ${sent}`) : null,
      ),
    ),
  );
  const { length } = stages.filter(({ verdict }) => verdict === 'differs');
  return element(
    'div',
    {},
    table('Stages', ['stage', 'computed in this page', 'the component’s'], rows),
    element(
      'p',
      { class: 'hint' },
      length === 0
        ? 'What is marked “not sent” never leaves a host: the equal signature shows it went in.'
        : `${length} of these differ from what the component sent.`,
    ),
  );
}

const VERDICT_CLASS = { equal: 'good', differs: 'bad', 'not sent': 'quiet' };

/** From and to of the last get-logs request, in milliseconds; null without one. */
export function windowOf(exchanges) {
  const last = exchanges.findLast(({ request }) => !isTokenRequest(request));
  if (!last) return null;
  const { from, to } = JSON.parse(decoder.decode(last.request.body)).data[0];
  return { from: millisOf(from), to: millisOf(to) };
}

/** Id and time of each row of the last answer, as far as it is a page. */
export function rowsOf(exchanges) {
  const response = exchanges.at(-1)?.response;
  try {
    const { data } = JSON.parse(decoder.decode(response.body));
    return data
      .flatMap((part) => part.impersonationLogs)
      .map((row) => ({ id: row?.id, millis: millisOf(String(row?.eventTime)) }));
  } catch {
    return [];
  }
}
