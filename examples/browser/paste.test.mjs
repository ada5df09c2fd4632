// What a person may paste, and what the component may do: none of it makes the page dead or unsafe.

import assert from 'node:assert/strict';
import { after, before, describe } from 'node:test';

import { closeBrowser, inPage, openBrowser } from './visitor.mjs';

before(openBrowser);
after(closeBrowser);

const row = (id, members = {}) => ({
  id,
  subject: 'Urgent: invoice 4711',
  senderAddress: 'ceo@acrne.example',
  eventTime: '2026-11-01T00:10:46+0000',
  ...members,
});
const lines = (rows) => rows.map((row) => JSON.stringify(row)).join('\n');

describe('pasted rows', () => {
  const rows = [row('a'), row('b', { eventTime: '2026-11-01T00:10:47+0000' })];
  for (const [form, text] of [
    ['an array', JSON.stringify(rows, null, 2)],
    ['a row a line', `\n${lines(rows)}\r\n\n`],
    ['a whole reply', JSON.stringify({ meta: {}, data: [{ impersonationLogs: rows }], fail: [] })],
  ]) {
    inPage(`${form}: they become events`, async (page) => {
      await page.set('rows', text);
      assert.match(await page.text('#rows-state'), /^(2 rows|A whole reply: .*)\.$/);
      assert.equal(await page.poll(), 'Poll 1: 2 events; caught up.');
      assert.deepEqual(await page.rowIds(), ['a', 'b']);
    });
  }

  inPage('rows keep their bytes: numbers, escapes, the order of members', async (page) => {
    const text =
      '{"id":"x","eventTime":"2026-11-01T00:10:46+0000","hits":1.50e0,' +
      '"b":"\\u00fc\\/ \\"]},{\\"","a":[{},[ ],{"n":-0.0}],"subject":"Überweisung 緊急 😀"}';
    await page.set('rows', `[ ${text} , ${JSON.stringify(row('y'))}]`);
    await page.poll();
    const shown = await page.text('[data-event="0"] [data-form=raw] pre');
    const withoutSpace = (text) => text.replace(/\s/g, '');
    assert.equal(withoutSpace(shown), withoutSpace(text));
    assert.match(await page.text('[data-event="0"] summary'), /Überweisung 緊急 😀/);
    assert.deepEqual(await page.eventIds(), ['x@1793491846', 'y@1793491846']);
  });

  inPage('markup in a row is text, and nothing of it runs', async (page) => {
    const markup = '<img src=x onerror="alert(1)"><script>alert(2)</script></script><b>bold</b>';
    const evil = row(`<i>${markup}`, {
      subject: markup,
      senderAddress: `"${markup}" <a@b.example>`,
      [markup]: markup,
    });
    await page.set('rows', lines([evil]));
    for (const format of ['raw', 'ecs', 'ocsf_detection_finding', 'ocsf_email_activity']) {
      await page.click('#reset');
      await page.choose('format', format);
      assert.equal(await page.poll(), 'Poll 1: 1 event; caught up.');
      await page.click('input[value="all four"]');
      assert.ok((await page.text('[data-event="0"] summary')).includes(markup));
      await page.open('#result details');
      assert.equal(await page.count('#result :is(img, script, b, i, a)'), 0);
    }
    assert.equal(await page.count('script'), 1);
  });

  inPage('rows of another time: clock and start are set to them', async (page) => {
    await page.poll();
    const times = ['2021-10-15T17:10:46+0000', '2021-10-15T17:12:01+0000'];
    await page.set('rows', lines(times.map((eventTime) => row(eventTime, { eventTime }))));
    assert.match(await page.text('#told'), /^Clock and start were set/);
    assert.equal(await page.value('clock'), '2021-10-15T17:13:00Z');
    assert.equal(JSON.parse(await page.value('settings')).start, '2021-10-15T17:10:00Z');
    assert.equal(await page.poll(), 'Poll 1: 2 events; caught up.');
  });

  inPage('rows of which some lie outside are told, and can be fitted', async (page) => {
    const early = row('early', { eventTime: '2026-10-31T23:00:00+0000' });
    await page.set('rows', lines([row('a'), early]));
    assert.match(await page.text('#rows-state'), /^2 rows: one lies before start/);
    assert.equal(await page.count('#fit:not([hidden])'), 1);
    assert.equal(await page.poll(), 'Poll 1: 1 event; caught up.');
    await page.click('#reset');
    await page.click('#fit');
    assert.equal(await page.count('#fit:not([hidden])'), 0);
    assert.equal(await page.poll(), 'Poll 1: 2 events; caught up.');
  });

  inPage('a row that is not as documented is an event with a notice', async (page) => {
    await page.set('rows', '[{"subject":"no id"}, 42]');
    assert.equal(await page.poll(), 'Poll 1: 2 events; caught up.');
    assert.ok((await page.count('[data-notice]')) > 0);
  });

  inPage('filters are kept to by what the page plays', async (page) => {
    await page.set('settings', '{"start":"2026-11-01T00:00:00Z","filters":{"actions":["bounce"]}}');
    assert.equal(await page.poll(), 'Poll 1: 1 event; caught up.');
    assert.deepEqual(await page.rowIds(), ['MTOKEN:sample-row-0005']);
  });

  inPage('many rows come page by page, and the page stays quick', async (page) => {
    const many = Array.from({ length: 1200 }, (_, index) => {
      const time = new Date(Date.UTC(2026, 10, 1) + index * 2000).toISOString();
      return row(`row-${index}`, { eventTime: `${time.slice(0, 19)}+0000` });
    });
    await page.set('settings', '{"start":"2026-11-01T00:00:00Z"}');
    await page.set('rows', lines(many));
    let events = 0;
    for (let poll = 1; poll <= 3; poll += 1) {
      const begun = Date.now();
      events += Number(/: (\d+) event/.exec(await page.poll())[1]);
      assert.ok(Date.now() - begun < 5000, 'a poll of 500 rows takes seconds');
      assert.ok((await page.count('.event')) <= 100);
    }
    assert.equal(events, 1200);
  });
});

describe('what cannot be used', () => {
  for (const [what, text, told] of [
    ['nothing', '  \n', /^there are no rows/],
    ['no JSON', 'subject: hello', /^line 1 is no JSON: .+ Give a JSON array/],
    ['a cut line', `${lines([row('a')])}\n{"id":"b`, /^line 2 is no JSON/],
    ['a cut array', '[{"id":"a"},', /^this begins as a JSON array and is none/],
    ['a bare number', '42', /neither a row nor/],
    ['too much', `"${'x'.repeat(4 * 1024 * 1024)}"`, /^the text has 4194306 characters: at most/],
    ['too many rows', `[${'{},'.repeat(10_000)}{}]`, /^there are 10001 rows: at most 10000/],
    ['deep nesting', `${'['.repeat(200_000)}${']'.repeat(200_000)}`, /./],
  ]) {
    inPage(`${what}: it is told, and the page goes on`, async (page) => {
      await page.set('rows', text);
      if (what !== 'deep nesting') {
        assert.match(await page.text('#rows-state'), told);
        assert.match(await page.poll(), /^Not called: /);
      } else {
        assert.match(await page.poll(), told);
      }
      await page.click('#restore');
      assert.equal(await page.poll(), 'Poll 1: 4 events; more to come.');
    });
  }

  inPage('a clock that is no time is told', async (page) => {
    await page.set('clock', 'tomorrow');
    assert.match(await page.poll(), /^Not called: the clock is no time/);
  });

  inPage(
    'a component that traps costs its instance alone: the cursor stands, the next poll goes on',
    async (page) => {
      await page.poll();
      const cursor = await page.member('watermark');
      await page.does(() => (window.isToTrap = true));
      assert.equal(await page.poll(), 'Poll 2: the component broke off.');
      assert.match(await page.text('#outcome'), /unreachable/);
      assert.match(await page.text('#cursor-state'), new RegExp(cursor));
      const instances = await page.does(() => window.instances);
      assert.equal(await page.poll(), 'Poll 3: 2 events, 1 known row dropped; caught up.');
      assert.ok((await page.does(() => window.instances)) > instances);
    },
    { prepare: trapWhenAsked },
  );
});

/** Puts itself between the page and its instances: the next poll traps, as by `unreachable`. */
function trapWhenAsked() {
  const instantiate = WebAssembly.instantiate;
  window.instances = 0;
  WebAssembly.instantiate = async (...args) => {
    const instance = await instantiate(...args);
    const poll = 'polling-source:contract/source@0.2.0#poll';
    if (!(poll in instance.exports)) return instance;
    window.instances += 1;
    const trapping = (...args) => {
      if (window.isToTrap) {
        window.isToTrap = false;
        throw new WebAssembly.RuntimeError('unreachable');
      }
      return instance.exports[poll](...args);
    };
    return { exports: { ...instance.exports, [poll]: trapping } };
  };
}
