import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { CHROMIUM, chromiumPath } from '../fixtures/chromium.ts';
import { runCli, startGateway, type TestGateway, temporaryHome } from '../fixtures/gateway.ts';
import * as inPage from '../fixtures/in-page.mjs';
import { type LedgerLine, operate, records, until } from '../fixtures/operator.ts';
import { removeHome } from '../fixtures/processes.ts';

/** What the gateway answered to something that a page did, as the browser saw it. */
interface Answer {
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly sent: Headers;
  readonly received: Headers;
}

/** What an attacker would want: a token of its own, made with the rights of whoever looks at the page. */
const WANTED = JSON.stringify({ name: 'stolen', scopes: ['operator.admin'] });

/** So that the network of frames is seen through the page's own session; and without the browser's own guard of local
 * addresses, which others lack: what is tested here is the gateway's refusal. */
const ONE_PROCESS = [
  '--disable-site-isolation-trials',
  '--disable-features=IsolateSandboxedIframes,IsolateOrigins,LocalNetworkAccessChecks',
];

let gateway: TestGateway;
let home: string;
let evil: Server;
let evilPort: number;
let browser: Browser;
/** A browser whose owner is logged in at the gateway. */
let context: BrowserContext;
const trapped: IncomingMessage[] = [];
/** Refused requests that were seen, by code: the ledger has to have them all. */
const expected = new Map<string, number>();

/** Pages of other origins: another site, and another port and name of this very machine. */
const origins = () =>
  [`http://evil.test:${evilPort}`, `http://127.0.0.1:${evilPort}`, `http://localhost:${evilPort}`] as const;

before(async () => {
  home = temporaryHome();
  gateway = await startGateway({ home });
  evil = createServer((request, response) => {
    trapped.push(request);
    response.setHeader('content-type', 'text/html');
    response.end('<!doctype html><title>evil</title><body>');
  });
  evil.listen(0, '127.0.0.1');
  await once(evil, 'listening');
  evilPort = (evil.address() as AddressInfo).port;
  // Names of the attacker that resolve to this machine: DNS rebinding, as the browser sees it.
  const rules = '--host-resolver-rules=MAP evil.test 127.0.0.1, MAP rebind.test 127.0.0.1';
  browser = await chromium.launch({
    executablePath: chromiumPath(),
    args: [...CHROMIUM, rules, ...ONE_PROCESS],
  });
  context = await browser.newContext();
  context.setDefaultTimeout(20_000);
  const page = await context.newPage();
  const { result } = await operate(home, 'login.link');
  await page.goto(String(result['url']));
  await page.getByRole('button', { name: 'Log in' }).click();
  await page.getByText('local operator').waitFor();
  await page.close();
});

after(async () => {
  await browser?.close();
  evil?.closeAllConnections();
  evil?.close();
  await gateway?.stop();
  await removeHome(home);
});

/** What an operator would miss or find afterwards. */
async function state(): Promise<string> {
  const [tokens, sessions, logins, conversations] = await Promise.all([
    operate(home, 'token.list'),
    operate(home, 'principal.list'),
    operate(home, 'login.list'),
    operate(home, 'sessions.list'),
  ]);
  const ids = (logins.result['sessions'] as readonly { readonly id: string }[]).map(({ id }) => id);
  return JSON.stringify([tokens.result['tokens'], sessions.result, ids, conversations.result]);
}

/**
 * Let a page of this address do something, and see what the gateway answered to it, as the browser's network stack saw
 * it: what a page of another origin may not read is in it too.
 */
async function attack<T>(
  address: string,
  act: (page: Page) => Promise<T>,
  { count, prepare }: { readonly count?: number; readonly prepare?: (page: Page) => Promise<void> } = {},
): Promise<{ readonly answers: readonly Answer[]; readonly result: T }> {
  const before = await state();
  const page = await context.newPage();
  const wire = await context.newCDPSession(page);
  const asked = new Map<string, { readonly method: string; readonly url: string }>();
  const sent = new Map<string, Headers>();
  const received: { readonly id: string; readonly status: number; readonly headers: Headers }[] = [];
  wire.on('Network.requestWillBeSent', ({ requestId, request }) => asked.set(requestId, request));
  wire.on('Network.requestWillBeSentExtraInfo', ({ requestId, headers }) =>
    sent.set(requestId, new Headers(headers)),
  );
  wire.on('Network.responseReceivedExtraInfo', ({ requestId, statusCode, headers }) =>
    received.push({ id: requestId, status: statusCode, headers: new Headers(headers) }),
  );
  await wire.send('Network.enable');
  try {
    await prepare?.(page);
    await page.goto(address);
    const result = await act(page);
    const answers = () =>
      received.flatMap(({ id, status, headers }) => {
        const { method, url } = asked.get(id) ?? { method: '', url: '' };
        if (!URL.canParse(url) || new URL(url).port !== String(gateway.port)) return [];
        const { pathname, search } = new URL(url);
        const own = { method, path: `${pathname}${search}`, status };
        return [{ ...own, sent: sent.get(id) ?? new Headers(), received: headers }];
      });
    await until(() => answers().length >= (count ?? 0), 'the gateway did not answer everything');
    assert.equal(await state(), before, 'nothing was changed');
    return { answers: answers(), result };
  } finally {
    await wire.detach().catch(() => undefined);
    await page.close();
  }
}

async function recorded(code: string): Promise<LedgerLine> {
  const [record] = await records(home, { code });
  assert.ok(record !== undefined, `the ledger has ${code}`);
  assert.equal(record.action, 'login.refused');
  return record;
}

/** All were refused with this status, the ledger knows the code, and no answer may be read by another origin. */
async function refused(
  answers: readonly Answer[],
  status: number,
  code: string,
  count: number,
): Promise<void> {
  assert.deepEqual(
    answers.map((answer) => answer.status),
    Array.from({ length: count }, () => status),
    JSON.stringify(answers.map(({ method, path, status: got }) => [method, path, got])),
  );
  for (const { received, path } of answers) {
    const opened = [...received.keys()].filter((name) => name.startsWith('access-control-'));
    assert.deepEqual(opened, [], path);
    assert.equal(received.get('set-cookie'), null, path);
  }
  await recorded(code);
  expected.set(code, (expected.get(code) ?? 0) + count);
}

const wsUrl = () => gateway.url.replace('http', 'ws');

describe('a page of another origin', () => {
  test('listen/a WebSocket from it: refused', async () => {
    for (const origin of origins()) {
      const { result } = await attack(origin, (page) => page.evaluate(inPage.openWebSocket, wsUrl()));
      assert.equal(result, 'refused', origin);
    }
    await recorded('LISTEN_ORIGIN_NOT_ALLOWED');
    expected.set('LISTEN_ORIGIN_NOT_ALLOWED', 3);
  });

  test('listen/requests without a preflight from it, with the cookie of its reader: refused', async () => {
    const wanted = { target: `${gateway.url}/api/v1/token.issue`, body: WANTED };
    for (const origin of origins()) {
      const { answers, result } = await attack(origin, (page) =>
        page.evaluate(inPage.simpleRequests, wanted),
      );
      assert.deepEqual(
        result,
        Array.from({ length: 5 }, () => 'blocked'),
      );
      await refused(answers, 403, 'LISTEN_ORIGIN_NOT_ALLOWED', 5);
      await attack(origin, async (page) => {
        const arrived = page
          .waitForEvent('requestfinished', ({ method }) => method() === 'POST')
          .catch(() => undefined);
        assert.equal(await page.evaluate(inPage.sendBeacon, wanted), true);
        await Promise.race([arrived, page.waitForTimeout(1_000)]);
      });
    }
  });

  test('listen/requests that need a preflight, from it: refused, and the request itself is never sent', async () => {
    const methods = ['POST', 'PUT', 'PATCH', 'DELETE'];
    const wanted = { target: `${gateway.url}/api/v1/token.issue`, body: WANTED, methods };
    for (const origin of origins()) {
      const { answers, result } = await attack(origin, (page) =>
        page.evaluate(inPage.preflightedRequests, wanted),
      );
      assert.deepEqual(result, ['blocked', 'blocked', 'blocked', 'blocked']);
      // Whether a browser shows preflights to a test is its own business; the gateway counts them.
      assert.ok(answers.every(({ method, status }) => method === 'OPTIONS' && status === 403));
      await refused(answers, 403, 'LISTEN_ORIGIN_NOT_ALLOWED', answers.length);
    }
  });

  test('listen/forms of it, of every type, sent to operations and to the login: refused', async () => {
    const types = ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data'];
    const paths = ['/api/v1/token.issue', '/login/session', '/v1/chat/completions', '/tools/invoke'];
    const forms = types.flatMap((type) =>
      paths.map((path) => ({ type, target: gateway.url + path, body: WANTED })),
    );
    for (const origin of origins()) {
      const inFrames = await attack(origin, (page) => page.evaluate(inPage.submitForms, forms), {
        count: forms.length,
      });
      await refused(inFrames.answers, 403, 'LISTEN_ORIGIN_NOT_ALLOWED', forms.length);
      const [form] = forms;
      const onTop = await attack(
        origin,
        (page) => page.evaluate(inPage.submitForms, form === undefined ? [] : [{ ...form, isTop: true }]),
        { count: 1 },
      );
      await refused(onTop.answers, 403, 'LISTEN_ORIGIN_NOT_ALLOWED', 1);
    }
  });

  test('listen/images, scripts, styles, objects and frames of the gateway in it: refused', async () => {
    for (const origin of origins()) {
      const { answers, result } = await attack(origin, (page) => page.evaluate(inPage.embed, gateway.url), {
        count: 4,
      });
      assert.ok(
        result.every((outcome) => outcome.endsWith('refused')),
        JSON.stringify(result),
      );
      await refused(answers, 403, 'LISTEN_ORIGIN_NOT_ALLOWED', 4);
    }
  });

  test('listen/the login page in a frame of it (clickjacking): refused', async () => {
    for (const origin of origins()) {
      const { answers, result } = await attack(
        origin,
        async (page) => {
          for (const path of ['/login', '/session']) await page.evaluate(inPage.addFrame, gateway.url + path);
          return page.frames().map((frame) => frame.url());
        },
        { count: 2 },
      );
      await refused(answers, 403, 'LISTEN_ORIGIN_NOT_ALLOWED', 2);
      assert.ok(!result.some((url) => url.startsWith(`${gateway.url}/login`)));
      for (const { received } of answers) {
        assert.equal(received.get('x-frame-options'), 'DENY');
        assert.match(received.get('content-security-policy') ?? '', /frame-ancestors 'none'/);
      }
    }
  });

  test('the pages themselves forbid frames, so that a browser without fetch metadata shows none either', async () => {
    for (const path of ['/login', '/session']) {
      const { headers } = await fetch(gateway.url + path);
      assert.equal(headers.get('x-frame-options'), 'DENY');
      assert.match(headers.get('content-security-policy') ?? '', /frame-ancestors 'none'/);
      assert.equal(headers.get('cross-origin-opener-policy'), 'same-origin');
      assert.equal(headers.get('cross-origin-resource-policy'), 'same-origin');
    }
  });

  test('auth/its own login code sent from it, so that a victim works in the account of another: refused, the code stays unused', async () => {
    for (const origin of origins()) {
      const { result } = await operate(home, 'login.link');
      const code = new URL(String(result['url'])).hash.slice(1);
      const wanted = { target: `${gateway.url}/login/session`, body: JSON.stringify({ code }) };
      const { answers } = await attack(origin, (page) => page.evaluate(inPage.simpleRequests, wanted), {
        count: 5,
      });
      await refused(answers, 403, 'LISTEN_ORIGIN_NOT_ALLOWED', 5);
      const answer = await fetch(`${gateway.url}/login/session`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', origin: gateway.url },
        body: JSON.stringify({ code }),
      });
      assert.equal(answer.status, 200, 'the code was not used up');
    }
  });

  test('auth/a link or a popup of it to the session of its reader: refused, and another site sends no cookie', async () => {
    for (const origin of origins()) {
      const { answers } = await attack(
        origin,
        async (page) => {
          // A page that is closed on its way to another process of the browser never ends.
          const arrived = page.waitForURL(`${gateway.url}/login/session`);
          await page.evaluate(inPage.goTo, `${gateway.url}/login/session`);
          await arrived;
        },
        { count: 1 },
      );
      await refused(answers, 403, 'LISTEN_ORIGIN_NOT_ALLOWED', 1);
      const [answer] = answers;
      // Ports do not make a site: a page of this machine's 127.0.0.1 sends it, and is refused all the same.
      const sends = origin.startsWith('http://127.0.0.1');
      assert.equal(answer?.sent.has('cookie'), sends, origin);
    }
  });

  test('auth/a service worker of it over the gateway, or out of the gateway: refused', async () => {
    for (const origin of [`http://127.0.0.1:${evilPort}`, `http://localhost:${evilPort}`]) {
      const { result } = await attack(origin, (page) => page.evaluate(inPage.foreignWorkers, gateway.url));
      assert.deepEqual(result, ['rejected', 'rejected']);
    }
    const { result } = await attack(`${gateway.url}/session`, (page) => page.evaluate(inPage.ownWorkers));
    assert.deepEqual(result, [['rejected', 'rejected', 'rejected'], 0]);
  });
});

describe('a page without an origin', () => {
  test('listen/a WebSocket and a request from a sandboxed frame (Origin null): refused', async () => {
    const wanted = { target: `${gateway.url}/api/v1/token.issue`, socket: wsUrl(), body: WANTED };
    for (const origin of origins()) {
      const { answers, result } = await attack(origin, (page) =>
        page.evaluate(inPage.fromSandboxedFrame, wanted),
      );
      assert.deepEqual(result, ['null', 'refused', 'blocked']);
      const posts = answers.filter(({ method }) => method === 'POST');
      assert.equal(posts[0]?.sent.get('origin'), 'null');
      await refused(posts, 403, 'LISTEN_ORIGIN_NOT_ALLOWED', 1);
      expected.set('LISTEN_ORIGIN_NOT_ALLOWED', (expected.get('LISTEN_ORIGIN_NOT_ALLOWED') ?? 0) + 1);
    }
  });

  test('listen/a WebSocket and a request from a file of this machine: refused', async () => {
    const file = join(home, 'page.html');
    writeFileSync(file, '<!doctype html><title>file</title><body>');
    const wanted = { target: `${gateway.url}/api/v1/token.issue`, body: WANTED };
    const { answers, result } = await attack(pathToFileURL(file).href, async (page) => [
      await page.evaluate(inPage.openWebSocket, wsUrl()),
      ...(await page.evaluate(inPage.simpleRequests, wanted)),
    ]);
    assert.deepEqual(result, ['refused', ...Array.from({ length: 5 }, () => 'blocked')]);
    await refused(answers, 403, 'LISTEN_ORIGIN_NOT_ALLOWED', 5);
    expected.set('LISTEN_ORIGIN_NOT_ALLOWED', (expected.get('LISTEN_ORIGIN_NOT_ALLOWED') ?? 0) + 1);
  });
});

test('listen/DNS rebinding: a name of the attacker that now leads here: refused', async () => {
  const address = `http://rebind.test:${gateway.port}/page`;
  // The page that the name led to before: from here on it is of the same origin as the gateway.
  const html = { contentType: 'text/html', body: '<!doctype html><body>' };
  const serve = async (page: Page) => {
    await page.route(address, (route) => route.fulfill(html));
  };
  const { answers, result } = await attack(address, (page) => page.evaluate(inPage.rebound, WANTED), {
    prepare: serve,
    count: 4,
  });
  const no = 'LISTEN_HOST_NOT_ALLOWED';
  assert.deepEqual(result, [403, no, 403, no, 403, no, 403, 'refused']);
  const own = answers.filter(({ path }) => path !== '/page');
  await refused(own, 403, no, 4);
  assert.ok(own.every(({ sent }) => !sent.has('cookie')));
  expected.set(no, 5);
});

describe('the pages of the gateway', () => {
  const redirecting = [
    'gatewayUrl=ws://evil.test:PORT',
    'url=http://evil.test:PORT/',
    'next=//evil.test:PORT/',
    'returnTo=http://evil.test:PORT/',
    'host=evil.test:PORT',
    'ws=ws://evil.test:PORT/',
  ];

  test('auth/a parameter of the address that says where a code or a session should go: refused, nothing goes there', async () => {
    trapped.length = 0;
    for (const parameter of redirecting) {
      const { result } = await operate(home, 'login.link');
      const code = new URL(String(result['url'])).hash.slice(1);
      const fresh = await browser.newContext();
      try {
        const page = await fresh.newPage();
        const asked: string[] = [];
        page.on('request', (request) => asked.push(new URL(request.url()).host));
        page.on('websocket', (socket) => asked.push(new URL(socket.url()).host));
        await page.goto(`${gateway.url}/login?${parameter.replace('PORT', String(evilPort))}#${code}`);
        await page.getByRole('button', { name: 'Log in' }).click();
        await page.waitForURL(`${gateway.url}/session`);
        await page.getByText('local operator').waitFor();
        assert.deepEqual([...new Set(asked)], [new URL(gateway.url).host], parameter);
      } finally {
        await fresh.close();
      }
    }
    assert.equal(trapped.length, 0);
  });

  test('auth/a token in the address of a page: refused, and not in the ledger', async () => {
    const token = await gateway.issueToken('in-url', ['operator.read']);
    const secret = token.split('_')[2] ?? '';
    for (const path of [
      `/login?token=${token}`,
      `/session?x=${encodeURIComponent(token)}`,
      `/${token}`,
      '/login?auth=x',
    ]) {
      const { answers } = await attack('about:blank', async (page) => {
        await page.goto(gateway.url + path);
      });
      assert.deepEqual(
        answers.map(({ status }) => status),
        [400],
      );
    }
    const record = await recorded('LISTEN_TOKEN_IN_URL');
    expected.set('LISTEN_TOKEN_IN_URL', 4);
    assert.ok(!JSON.stringify(record).includes(secret));
    assert.ok(!JSON.stringify(await records(home)).includes(secret));
  });

  test('a site that is reached from them hears no referrer, and the code is not in what the browser remembers', async () => {
    trapped.length = 0;
    const { result } = await operate(home, 'login.link');
    const url = String(result['url']);
    const page = await context.newPage();
    try {
      await page.goto(url);
      await page.evaluate(inPage.followLink, `http://evil.test:${evilPort}/`);
      await page.waitForURL(/evil\.test/);
      const [request] = trapped;
      const referrer = request?.headers['referer'] ?? '';
      assert.ok(!referrer.includes(new URL(url).hash.slice(1)));
      assert.equal(await page.evaluate('window.opener'), null);
      await page.goBack();
      assert.equal(page.url(), `${gateway.url}/login`);
    } finally {
      await page.close();
    }
  });
});

test('the ledger has every one of these refusals: the first of each kind at once, the others counted', async () => {
  await gateway.stop();
  const { json } = await runCli(home, ['ledger', 'tail', '--type', 'login', '--limit', '500', '--json']);
  const { records: all } = json as { records: readonly LedgerLine[] };
  for (const [code, count] of expected) {
    const mine = all.filter((record) => record.code === code && record.action === 'login.refused');
    const counted = mine.reduce((sum, { data }) => sum + Number(data?.['repeats'] ?? 1), 0);
    // A browser asks for an icon now and then, and repeats what it was refused.
    assert.ok(counted >= count, `${code}: ${counted} of ${count}`);
  }
});
