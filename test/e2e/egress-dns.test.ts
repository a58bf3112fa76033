import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { openRun, type RunWay } from '../fixtures/egress-home.ts';
import {
  type EgressWorld,
  type NameAnswer,
  PRIVATE,
  PUBLIC,
  startEgressWorld,
} from '../fixtures/egress-world.ts';

let world: EgressWorld;
let run: RunWay;

const POLICY = `version: 1
rules:
  - { id: wild, host: "*.wild.org", port: 80, protocol: http, owner: o, ticket: T }
`;

const a = (value: string, more: Partial<NameAnswer> = {}): readonly NameAnswer[] => [
  { records: [{ type: 'A', value }], ...more },
];

/** A request of the run as it is sent to its proxy. */
function get(url: string, host: string): string {
  return [`GET ${url} HTTP/1.1`, `Host: ${host}`, 'Connection: close', '', ''].join('\r\n');
}

before(async () => {
  world = await startEgressWorld({
    prepare(home) {
      mkdirSync(join(home, 'policy'), { mode: 0o700 });
      writeFileSync(join(home, 'policy', 'egress.yaml'), POLICY, { mode: 0o600 });
    },
  });
  run = await openRun(world.home, { run: 'run-dns' });
});

after(async () => {
  await run?.close();
  await world?.[Symbol.asyncDispose]();
});

describe('DNS in the hands of an attacker (attacks 15 to 20)', () => {
  const fresh = (() => {
    let number = 0;
    return () => `n${(number += 1)}.wild.org`;
  })();
  const ask = (host: string) => run.raw(get(`http://${host}/`, host));

  test('egress/15 and 16 rebinding between two requests, with TTL 0: each answer is judged, and the second refused', async () => {
    const host = fresh();
    await world.names({ [`A ${host}`]: [...a(PUBLIC), ...a(PRIVATE)] });
    assert.match(await ask(host), /chirp/);
    assert.match(await ask(host), /EGRESS_ADDRESS_NOT_PUBLIC/);
    const { seen, asked } = await world.state();
    assert.deepEqual(seen[`${PRIVATE}:80`], []);
    // One question per family and request: nothing is asked between the check and the connection.
    assert.equal(asked.filter((question) => question === `A ${host}`).length, 2);
  });

  test('egress/17 a public and a private address in one answer: refused whole', async () => {
    const host = fresh();
    const mixed = [PUBLIC, PRIVATE].map((value) => ({ type: 'A', value }));
    await world.names({ [`A ${host}`]: [{ records: mixed }] });
    assert.match(await ask(host), /EGRESS_ADDRESS_NOT_PUBLIC/);
  });

  test('egress/17 a public IPv4 beside a private IPv6 address: refused whole', async () => {
    const host = fresh();
    await world.names({
      [`A ${host}`]: a(PUBLIC),
      [`AAAA ${host}`]: [{ records: [{ type: 'AAAA', value: 'fd00::1' }] }],
    });
    assert.match(await ask(host), /EGRESS_ADDRESS_NOT_PUBLIC/);
  });

  test('egress/18 a CNAME into private space: refused', async () => {
    const host = fresh();
    const chain = [
      { type: 'CNAME', value: 'inside.corp' },
      { name: 'inside.corp', type: 'A', value: PRIVATE },
    ];
    await world.names({ [`A ${host}`]: [{ records: chain }] });
    assert.match(await ask(host), /EGRESS_ADDRESS_NOT_PUBLIC/);
  });

  test('18 SVCB and HTTPS records are never asked for, so none leads anywhere', async () => {
    const host = fresh();
    await world.names({
      [`A ${host}`]: a(PUBLIC),
      [`HTTPS ${host}`]: [{ records: [{ type: 'HTTPS', value: 'inside.corp' }] }],
    });
    assert.match(await ask(host), /chirp/);
    const { asked } = await world.state();
    assert.deepEqual([...new Set(asked.map((question) => question.split(' ')[0]))].sort(), ['A', 'AAAA']);
  });

  test('egress/19 an address as host, which no look-up sees: judged all the same', async () => {
    assert.match(await ask(PRIVATE), /EGRESS_HOST_NOT_ALLOWED/);
    assert.deepEqual((await world.state()).seen[`${PRIVATE}:80`], []);
  });

  test('egress/20 an address that does not answer: nothing is asked again for the second try', async () => {
    const host = fresh();
    await world.names({ [`A ${host}`]: [...a('93.184.215.99'), ...a(PRIVATE)] });
    assert.match(await ask(host), /EGRESS_CONNECT_FAILED/);
    const { asked } = await world.state();
    assert.equal(asked.filter((question) => question === `A ${host}`).length, 1);
  });

  test('a truncated answer is asked for again over TCP, and judged as any other', async () => {
    const host = fresh();
    await world.names({ [`A ${host}`]: a(PRIVATE, { truncated: true }) });
    assert.match(await ask(host), /EGRESS_ADDRESS_NOT_PUBLIC/);
    const good = fresh();
    await world.names({ [`A ${good}`]: a(PUBLIC, { truncated: true }) });
    assert.match(await ask(good), /chirp/);
  });

  test('egress/an answer of more addresses than are checked: refused', async () => {
    const host = fresh();
    const many = Array.from({ length: 200 }, (_, index) => ({ type: 'A', value: `93.184.${index}.14` }));
    await world.names({ [`A ${host}`]: [{ records: many, truncated: true }] });
    assert.match(await ask(host), /EGRESS_DNS_TOO_MANY/);
  });

  test('egress/an answer with noise behind it, an error, and none at all: refused', async () => {
    const [noisy, broken, silent] = [fresh(), fresh(), fresh()];
    await world.names({
      [`A ${noisy}`]: a(PRIVATE, { noise: 300 }),
      [`* ${broken}`]: [{ rcode: 2 }],
      [`* ${silent}`]: [{ silent: true }],
    });
    assert.match(await ask(noisy), /EGRESS_(ADDRESS_NOT_PUBLIC|DNS_FAILED)/);
    assert.match(await ask(broken), /EGRESS_DNS_FAILED/);
    assert.match(await ask(silent), /EGRESS_DNS_FAILED/);
  });
});
