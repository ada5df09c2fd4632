// What the API may answer, by choice: a page, or one of the failures that are known of it.

import { headersAt, page, reply } from './api.js';

const fail = (code, message, retryable = false) =>
  JSON.stringify({
    meta: { status: 200 },
    data: [],
    fail: [{ key: {}, errors: [{ code, message, retryable }] }],
  });
const gateway = (code, message) => JSON.stringify({ fail: [{ code, message }] });
const html = (title) => `<html><body><h1>${title}</h1></body></html>`;
const MINUTES_10 = 600_000;

/** A reply without a page, its headers those of every reply and these. */
const failing =
  (status, body, headers = []) =>
  (asked) =>
    reply(status, [...headersAt(asked.millis), ...headers], body);

/** No reply: the contract's http-error. */
const noReply = (tag, val) => () => {
  throw { tag, val };
};

const givePage = (asked) =>
  reply(
    200,
    headersAt(asked.millis),
    asked.pasted.body ?? page(asked.pasted.rows, asked.body, asked.millis),
  );

/** Of a page that is to fail just once in a poll. */
const firstThenPage = (first) => (asked) => (asked.nth === 0 ? first(asked) : givePage(asked));

/**
 * Each has a name, a label, a sentence on what it is, and `logs`, which answers the nth get-logs
 * request of a poll. `token`, if there is one, answers in the token endpoint's place.
 */
export const REPLIES = [
  {
    name: 'page',
    label: 'a page of rows',
    what: 'Rows of the time asked for, page by page, as the API gives them.',
    logs: givePage,
  },
  {
    name: 'rate',
    label: '429: too many requests',
    what: 'The quota is spent. The API says in milliseconds when it is filled up again.',
    logs: (asked) =>
      reply(
        429,
        [
          ...headersAt(asked.millis, 0).filter(([name]) => name !== 'X-RateLimit-Reset'),
          ['X-RateLimit-Reset', '42000'],
        ],
        '',
      ),
  },
  {
    name: 'keys',
    label: '401: keys refused',
    what:
      'The API does not take the keys. With API 2.0 this is said of the access token: ' +
      'credentials are judged by the token endpoint alone.',
    logs: failing(401, fail('err_xdk_client_unauthorized', 'Unauthorized')),
  },
  {
    name: 'lapsed',
    label: '418: keys lapsed',
    what: 'The pair of access key and secret key has run out: a person must make a new one.',
    logs: failing(418, fail('err_xdk_binding_expired', 'Binding expired')),
  },
  {
    name: 'permission',
    label: '403: permission missing',
    what: 'The keys are good but may not read these logs.',
    logs: failing(403, ''),
  },
  {
    name: 'clock',
    label: '401: wrong clock, then a page',
    what:
      'The host’s clock is ten minutes slow. With API 1.0 the date is signed: the component ' +
      'signs once more, by the clock of the API’s own Date header.',
    logs: firstThenPage((asked) => reply(401, headersAt(asked.millis + MINUTES_10), '')),
  },
  {
    name: 'inside-200',
    label: '200: a failure inside',
    what: 'HTTP says 200, the body says that it failed. Read as an empty page it would lose rows.',
    logs: failing(200, fail('err_validation_blank', 'Invalid field value')),
  },
  {
    name: 'status-inside-200',
    label: '200: meta.status 500 inside',
    what: 'Neither HTTP nor a list of failures tells it: only meta.status does.',
    logs: failing(200, JSON.stringify({ meta: { status: 500 }, data: [], fail: [] })),
  },
  {
    name: 'unavailable',
    label: '503: an HTML page',
    what: 'A gateway’s page in the API’s place. It may pass by itself.',
    logs: failing(503, html('Service Unavailable'), [['Retry-After', '5']]),
  },
  {
    name: 'garbage',
    label: '200: text that is no JSON',
    what: 'With a page token the window is read again without it; else nothing changes.',
    logs: failing(200, html('Sign in')),
  },
  {
    name: 'page-token',
    label: '400: page token refused',
    what:
      'A request that carries a page token is refused; one without gets its page. Poll twice: ' +
      'the window is read again in halves, and no row comes twice.',
    logs: (asked) =>
      asked.body?.meta?.pagination?.pageToken === undefined
        ? givePage(asked)
        : failing(400, fail('err_validation_page_token', 'Invalid page token'))(asked),
  },
  {
    name: 'token-expired',
    label: '401: access token expired, then a page',
    what:
      'API 2.0, after a poll that got a token: the component gets a new one, once, and repeats ' +
      'the request with it.',
    logs: firstThenPage(failing(401, gateway('token_expired', 'Access Token Expired'))),
  },
  {
    name: 'client',
    label: '401 of the token endpoint',
    what:
      'API 2.0: the endpoint refuses the client, and its answer repeats the credentials: they ' +
      'must not come out in the error. (With API 1.0 no token is asked for.)',
    logs: givePage,
    token: (asked) =>
      reply(
        401,
        headersAt(asked.millis),
        gateway('invalid_client', `no such client: ${asked.text}`),
      ),
  },
  {
    name: 'timeout',
    label: 'no reply: timeout',
    what: 'The API did not answer in time.',
    logs: noReply('timeout', 'no complete answer within 30 s'),
  },
  {
    name: 'dns',
    label: 'no reply: name not found',
    what: 'The host could not resolve the name in base_url.',
    logs: noReply('dns', 'the name of the API does not exist'),
  },
  {
    name: 'denied',
    label: 'no reply: denied by the host',
    what: 'The host’s allow-list does not have base_url. Nothing was sent.',
    logs: noReply('denied', 'the URL is not in the allow list of this source'),
  },
  {
    name: 'own',
    label: 'my own: status, headers, body',
    what: 'The status and the headers below, and what is pasted as the body, as it is.',
    logs: ({ own }) => reply(own.status, own.headers, own.body),
  },
];

/**
 * Answers the requests of one call, in the API's place. `scene` is the reply that was chosen, what
 * was pasted, the reply made by hand, and the time.
 */
export function answering(scene) {
  const { choice, pasted, own, millis } = scene;
  let tokens = 0;
  let nth = 0;
  return (request) => {
    const text = new TextDecoder().decode(request.body);
    if (new URL(request.url).pathname === '/oauth/token') {
      if (choice.token) return choice.token({ text, millis });
      tokens += 1;
      const token = `invented-access-token-${Math.floor(millis / 1000)}-${tokens}`;
      const grant = { access_token: token, token_type: 'Bearer', expires_in: 1799, scope: '' };
      return reply(200, headersAt(millis), JSON.stringify(grant));
    }
    const asked = { text, body: JSON.parse(text), millis, pasted, own, nth };
    nth += 1;
    return choice.logs(asked);
  };
}
