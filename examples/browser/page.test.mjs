// The page in headless Chromium, opened as a person opens it: as a file, by hand.
//
//   npm test      # the page is target/browser/index.html, or what PAGE names

import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { after, before, describe } from 'node:test';

import { closeBrowser, inPage, openBrowser } from './visitor.mjs';

const FORMATS = ['raw', 'ecs', 'ocsf_detection_finding', 'ocsf_email_activity'];
const golden = new URL('../../tests/formats/golden/common.json', import.meta.url);

before(openBrowser);
after(closeBrowser);

describe('the first look', () => {
  inPage('the component says who it is, and finds no fault in the sample', async (page) => {
    assert.match(await page.text('#who'), /^mimecast-ttp-source \d+\.\d+\.\d+/);
    assert.equal(JSON.parse(await page.text('#schema')).type, 'object');
    assert.equal(await page.text('#config-state'), 'The component finds no fault.');
  });

  inPage('the sample gives its events and the request that asked for them', async (page) => {
    assert.equal(await page.poll(), 'Poll 1: 4 events; more to come.');
    assert.equal(
      await page.text('[data-part=url]'),
      'POST https://eu-api.mimecast.com/api/ttp/impersonation/get-logs',
    );
    assert.deepEqual(JSON.parse(await page.text('[data-part=request-body]')), {
      meta: { pagination: { pageSize: 4 } },
      data: [
        { oldestFirst: true, from: '2026-11-01T00:00:00+0000', to: '2026-11-01T01:00:00+0000' },
      ],
    });
    assert.deepEqual(await page.rowIds(), ids(1, 2, 3, 4));
    assert.equal(await page.text('[data-part=event-kind]'), 'mimecast.ttp.impersonation');
    assert.match(await page.fact('stats'), /^1 request, 4 rows, 0 duplicates$/);
    assert.equal(await page.fact('quota'), '299 of 300 left, filled up in 60 min');
  });

  inPage('what was seen once is seen again, to the byte', async (page) => {
    await page.poll();
    const first = await page.text('#result');
    await page.click('#reset');
    await page.poll();
    assert.equal(await page.text('#result'), first);
  });

  inPage('a check tells the newest row, and moves nothing', async (page) => {
    assert.equal(await page.check(), 'Check 1: the check passed.');
    assert.equal(await page.fact('newest'), '2026-11-01T00:52:30Z');
    assert.equal(await page.text('#poll'), 'Poll');
  });
});

describe('the signature', () => {
  inPage(
    'each stage is what the component sent, and what another program computes',
    async (page) => {
      await page.poll();
      const stages = await page.stages();
      assert.deepEqual(verdicts(stages), {
        date: 'equal',
        'request id': 'equal',
        'string to sign': 'not sent',
        key: 'not sent',
        'HMAC-SHA1': 'equal',
        signature: 'equal',
        Authorization: 'equal',
        'x-mc-app-id': 'equal',
      });
      const headers = await page.headers();
      const date = 'Sun, 01 Nov 2026 01:00:00 UTC';
      const path = '/api/ttp/impersonation/get-logs';
      const toSign = `${date}:${headers['x-mc-req-id']}:${path}:invented-app-key`;
      const key = Buffer.from('aW52ZW50ZWQtc2VjcmV0LWtleQ==', 'base64');
      const mac = createHmac('sha1', key).update(toSign).digest();
      assert.equal(stages['string to sign'].computed, toSign);
      assert.equal(stages.key.computed, key.toString('hex'));
      assert.equal(stages['HMAC-SHA1'].computed, mac.toString('hex'));
      assert.equal(headers.authorization, `MC invented-access-key:${mac.toString('base64')}`);
      assert.equal(headers['x-mc-date'], date);
    },
  );

  for (const key of ['secret_key', 'app_key']) {
    inPage(`another ${key} gives another signature, equal again`, async (page) => {
      await page.poll();
      const before = await page.stages();
      await page.click('#reset');
      await page.set(key, 'YW5vdGhlciBrZXk=');
      await page.poll();
      const now = await page.stages();
      assert.equal(now['request id'].computed, before['request id'].computed);
      assert.notEqual(now.signature.computed, before.signature.computed);
      assert.equal(now.signature.verdict, 'equal');
    });
  }

  inPage(
    'a stage that differs is told',
    async (page) => {
      await page.poll();
      const stages = await page.stages();
      assert.equal(stages.date.verdict, 'equal');
      for (const name of ['HMAC-SHA1', 'signature', 'Authorization']) {
        assert.equal(stages[name].verdict, 'differs', name);
      }
    },
    {
      prepare: () => {
        SubtleCrypto.prototype.sign = async () => new ArrayBuffer(20);
      },
    },
  );

  inPage('a wrong clock is signed anew by the API’s, and that date is the one', async (page) => {
    await page.choose('reply', 'clock');
    assert.equal(await page.poll(), 'Poll 1: 4 events; more to come.');
    assert.equal(await page.count('[data-request]'), 2);
    const stages = await page.stages(1);
    assert.equal(stages.date.computed, 'Sun, 01 Nov 2026 01:10:00 UTC');
    assert.ok(!Object.values(verdicts(stages)).includes('differs'), JSON.stringify(stages));
  });

  inPage('API 2.0 asks for a token once, and then with it', async (page) => {
    await page.click('input[value=oauth2]');
    await page.poll();
    assert.equal(await page.count('[data-request]'), 2);
    assert.deepEqual(verdicts(await page.stages(0)), {
      grant_type: 'equal',
      client_id: 'equal',
      client_secret: 'equal',
    });
    const { Authorization } = await page.stages(1);
    assert.deepEqual(
      [Authorization.verdict, Authorization.computed.slice(0, 7)],
      ['equal', 'Bearer '],
    );
    await page.poll();
    assert.equal(await page.count('[data-request]'), 1);
    assert.deepEqual(verdicts(await page.stages(0)), { Authorization: 'equal' });
  });
});

describe('the configuration', () => {
  inPage('every fault is shown by its path, with what to do', async (page) => {
    await page.set('secret_key', 'no base64!');
    await page.set('settings', '{"page_size": 900, "filters": {"acton": []}}');
    const paths = ['auth.secret_key', 'page_size', 'filters.acton'];
    await page.waits(
      (paths) => paths.every((path) => document.querySelector(`[data-path="${path}"]`)),
      paths,
    );
    assert.deepEqual((await page.attributes('#faults li', 'data-path')).sort(), paths.sort());
    assert.match(await page.text('[data-path=page_size]'), /page_size: .+ → .+/);
    assert.deepEqual((await page.attributes('[aria-invalid]', 'id')).sort(), [
      'secret_key',
      'settings',
    ]);
    assert.match(await page.poll(), /error config: config_refused/);
    assert.equal(await page.count('[data-request]'), 0);
  });

  inPage(
    'settings that are no JSON are judged by the component, and no object by the page',
    async (page) => {
      await page.set('settings', '{"page_size": }');
      await page.waits(() => document.querySelector('#faults li'));
      assert.match(await page.text('#faults'), /not JSON/);
      await page.set('settings', 'page_size = 4');
      await page.waits(() =>
        document.querySelector('#faults').textContent.includes('no JSON object'),
      );
      assert.match(await page.poll(), /^Not called: /);
    },
  );
});

describe('the forms of an event', () => {
  inPage('each is what the project keeps as right, whichever was polled', async (page) => {
    const kept = JSON.parse(await readFile(golden, 'utf8'));
    kept.raw = kept.row;
    await page.set('rows', JSON.stringify(kept.row));
    for (const polled of FORMATS) {
      await page.click('#reset');
      await page.choose('format', polled);
      assert.match(await page.poll(), /^Poll 1: 1 event/);
      await page.click('input[value="all four"]');
      for (const form of FORMATS) {
        const shown = JSON.parse(await page.text(`[data-event="0"] [data-form=${form}] pre`));
        assert.deepEqual(shown, kept[form], `${form} in a poll of ${polled}`);
      }
      await page.click(`input[name=form][value=${polled}]`);
      assert.deepEqual(await page.attributes('[data-event="0"] [data-form]', 'data-form'), [
        polled,
      ]);
    }
  });
});

describe('the cursor', () => {
  inPage('it moves over two pages, and the row that comes twice is dropped', async (page) => {
    await page.poll();
    assert.equal(atob(await page.member('pass.window.token.text')), 'rows-from-4');
    assert.equal(await page.member('watermark'), '2026-11-01T00:00:00Z');
    assert.equal(await page.text('[data-word=complete_until] dd'), '2026-11-01T00:00:00Z');
    assert.equal(await page.poll(), 'Poll 2: 2 events, 1 known row dropped; caught up.');
    const body = JSON.parse(await page.text('[data-part=request-body]'));
    assert.equal(body.meta.pagination.pageToken, 'rows-from-4');
    assert.deepEqual(await page.rowIds(), ids(5, 7));
    assert.equal(await page.member('watermark', 'before'), '2026-11-01T00:00:00Z');
    assert.equal(await page.member('watermark'), '2026-11-01T00:16:02Z');
    assert.equal(await page.count('tr.changed[data-member=watermark]'), 1);
    assert.equal(await page.count('tr.changed[data-member=filters]'), 0);
    assert.equal(await page.count('.timeline .dot.known'), 1);
    assert.equal(await page.value('clock'), '2026-11-01T01:01:00Z');
  });

  inPage('a row that shows up late, behind newer ones, comes too, and once', async (page) => {
    const seen = [];
    for (let poll = 0; poll < 8; poll += 1) {
      await page.poll();
      seen.push(...(await page.rowIds()));
    }
    assert.deepEqual(seen, ids(1, 2, 3, 4, 5, 7, 6));
  });

  inPage(
    'an earlier cursor put back gives the same events again, as after a crash',
    async (page) => {
      await page.poll();
      await page.poll();
      await page.click('[data-call="1"] button');
      assert.equal(await page.poll(), 'Poll 3: 4 events; more to come.');
      assert.deepEqual(await page.rowIds(), ids(1, 2, 3, 4));
    },
  );
});

describe('answers that are no page', () => {
  for (const [reply, kind, code, wait] of [
    ['rate', 'throttled', 'rate_limited', '42 s'],
    ['keys', 'auth', 'access_key_unknown', null],
    ['lapsed', 'auth', 'keys_lapsed', null],
    ['permission', 'auth', 'permission_missing', null],
    ['status-inside-200', 'transient', 'api_failed', null],
    ['unavailable', 'transient', 'api_failed', '5 s'],
    ['timeout', 'transient', 'timeout', null],
    ['denied', 'config', 'denied', null],
    ['garbage', 'protocol', 'not_understood', null],
    ['inside-200', 'protocol', 'api_refused', null],
  ]) {
    inPage(`${reply}: kind and code come out, and the cursor stands`, async (page) => {
      await page.choose('reply', reply);
      const told = kind === 'throttled' ? kind : `error ${kind}`;
      assert.equal(await page.poll(), `Poll 1: ${told}: ${code}.`);
      assert.equal(await page.text('#outcome [data-part=kind]'), kind);
      assert.equal(await page.text('#outcome [data-part=code]'), code);
      assert.ok((await page.text('#outcome [data-part=message]')).length > 10);
      const shown = await page.count('#outcome [data-part=retry-after]');
      assert.equal(shown === 1 ? await page.text('[data-part=retry-after]') : null, wait);
      assert.equal(await page.text('#poll'), 'Poll', 'there is still no cursor');
    });
  }

  inPage('a refused page token costs a notice, and no row', async (page) => {
    await page.poll();
    await page.choose('reply', 'page-token');
    assert.equal(await page.poll(), 'Poll 2: 0 events; more to come.');
    assert.equal(await page.count('[data-notice=page_token_refused]'), 1);
    await page.choose('reply', 'page');
    const seen = [];
    for (let poll = 0; poll < 8; poll += 1) {
      await page.poll();
      seen.push(...(await page.rowIds()));
    }
    assert.deepEqual(seen.sort(), ids(5, 6, 7));
  });

  inPage(
    'an endpoint that repeats the credentials does not bring them into the error',
    async (page) => {
      await page.click('input[value=oauth2]');
      await page.set('client_secret', 'pomegranate');
      await page.choose('reply', 'client');
      assert.equal(await page.poll(), 'Poll 1: error auth: client_refused.');
      assert.doesNotMatch(await page.text('#outcome'), /pomegranate/);
      await page.open('.exchange details');
      assert.match(await page.text('[data-part=response-body]'), /pomegranate/);
    },
  );

  inPage('status, headers and body can be one’s own', async (page) => {
    await page.choose('reply', 'own');
    await page.set('own-status', '429');
    await page.set('own-headers', 'Retry-After: 7');
    assert.equal(await page.poll(), 'Poll 1: throttled: rate_limited.');
    assert.equal(await page.text('[data-part=retry-after]'), '7 s');
    await page.set('rows', '{"id":"old","eventTime":"2001-01-01T00:00:00+0000"}');
    assert.match(await page.value('clock'), /^2026/, 'a body is not looked into');
    await page.set('own-headers', 'no header');
    assert.match(await page.poll(), /^Not called: this is no header: no header/);
    for (const status of ['many', '', '99', '600', '2.5']) {
      await page.set('own-status', status);
      assert.match(await page.poll(), /^Not called: the status is no number/, status);
    }
  });
});

const ids = (...numbers) => numbers.map((number) => `MTOKEN:sample-row-000${number}`);

const verdicts = (stages) =>
  Object.fromEntries(Object.entries(stages).map(([name, { verdict }]) => [name, verdict]));
