import assert from 'node:assert/strict';
import { isIP } from 'node:net';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { judgeAuthority, judgeHost, judgePort, judgeUrl } from './host.ts';

const ACCEPTED: readonly (readonly [raw: string, host: string, literal: 0 | 4 | 6])[] = [
  ['api.example.org', 'api.example.org', 0],
  ['API.Example.ORG', 'api.example.org', 0],
  ['xn--bcher-kva.example.org', 'xn--bcher-kva.example.org', 0],
  ['r3---sn-1.example.org', 'r3---sn-1.example.org', 0],
  ['_dmarc.example.org', '_dmarc.example.org', 0],
  ['93.184.216.34', '93.184.216.34', 4],
  ['[2001:DB8:0:0::1]', '2001:db8::1', 6],
  ['[::ffff:127.0.0.1]', '::ffff:7f00:1', 6],
];

for (const [raw, host, literal] of ACCEPTED) {
  test(`the host ${raw} reads as ${host}`, () => {
    const judged = judgeHost(raw);
    assert.ok(judged.ok);
    assert.equal(judged.host, host);
    assert.equal(judged.literal, literal);
  });
}

const REFUSED: readonly (readonly [title: string, raw: string, code: string])[] = [
  ['IPv4 as one decimal number', '2130706433', 'EGRESS_HOST_AMBIGUOUS'],
  ['IPv4 in hex', '0x7f000001', 'EGRESS_HOST_AMBIGUOUS'],
  ['IPv4 with a hex part', '127.0.0.0x1', 'EGRESS_HOST_AMBIGUOUS'],
  ['IPv4 with octal parts', '0177.0.0.1', 'EGRESS_HOST_AMBIGUOUS'],
  ['IPv4 with leading zeros', '127.000.000.001', 'EGRESS_HOST_AMBIGUOUS'],
  ['short IPv4', '127.1', 'EGRESS_HOST_AMBIGUOUS'],
  ['IPv4 with five parts', '127.0.0.0.1', 'EGRESS_HOST_AMBIGUOUS'],
  ['an overflowing IPv4 part', '127.0.0.256', 'EGRESS_HOST_AMBIGUOUS'],
  ['a name that ends in a number', 'example.1', 'EGRESS_HOST_AMBIGUOUS'],
  ['a name that ends in 0x', 'example.0x', 'EGRESS_HOST_AMBIGUOUS'],
  ['IPv4 with a trailing dot', '127.0.0.1.', 'EGRESS_HOST_INVALID'],
  ['full-width digits', '１２７.0.0.1', 'EGRESS_HOST_NOT_ASCII'],
  ['an ideographic dot', 'example。org', 'EGRESS_HOST_NOT_ASCII'],
  ['a soft hyphen', 'exam\u00adple.org', 'EGRESS_HOST_NOT_ASCII'],
  ['a zero-width space', 'exam\u200bple.org', 'EGRESS_HOST_NOT_ASCII'],
  ['a Cyrillic homograph', '\u0430pple.com', 'EGRESS_HOST_NOT_ASCII'],
  ['a U-label', 'b\u00fccher.example.org', 'EGRESS_HOST_NOT_ASCII'],
  ['a trailing dot', 'example.org.', 'EGRESS_HOST_INVALID'],
  ['double dots', 'example..org', 'EGRESS_HOST_INVALID'],
  ['a leading dot', '.example.org', 'EGRESS_HOST_INVALID'],
  ['an xn-- label that decodes to ASCII', 'xn--example-.org', 'EGRESS_HOST_INVALID'],
  ['an xn-- label that decodes to nothing valid', 'xn--a.org', 'EGRESS_HOST_INVALID'],
  ['percent-encoding', 'ex%61mple.org', 'EGRESS_HOST_INVALID'],
  ['a tab', 'exam\tple.org', 'EGRESS_HOST_INVALID'],
  ['a backslash', 'example.org\\@evil.org', 'EGRESS_HOST_INVALID'],
  ['user information', 'user@example.org', 'EGRESS_HOST_INVALID'],
  ['NUL', 'example.org\0.evil.org', 'EGRESS_HOST_INVALID'],
  ['CR LF', 'example.org\r\nHost: evil.org', 'EGRESS_HOST_INVALID'],
  ['a space', 'example .org', 'EGRESS_HOST_INVALID'],
  ['an unclosed bracket', '[::1', 'EGRESS_HOST_INVALID'],
  ['bytes behind a bracket', '[::1].evil.org', 'EGRESS_HOST_INVALID'],
  ['a zone id', '[fe80::1%eth0]', 'EGRESS_HOST_INVALID'],
  ['an encoded zone id', '[fe80::1%25eth0]', 'EGRESS_HOST_INVALID'],
  ['IPv4 in brackets', '[127.0.0.1]', 'EGRESS_HOST_INVALID'],
  ['IPv6 without brackets', '::1', 'EGRESS_HOST_INVALID'],
  ['a wildcard', '*.example.org', 'EGRESS_HOST_INVALID'],
  ['nothing', '', 'EGRESS_HOST_INVALID'],
  ['a label of 64 characters', `${'a'.repeat(64)}.org`, 'EGRESS_HOST_INVALID'],
  ['254 characters', `${'a.'.repeat(125)}orgs`, 'EGRESS_HOST_INVALID'],
];

for (const [title, raw, code] of REFUSED) {
  test(`egress/${title} as host: refused`, () => {
    const judged = judgeHost(raw);
    assert.equal(judged.ok ? judged.host : judged.code, code);
  });
}

test('253 characters and labels of 63 are still a host', () => {
  const host = `${'a'.repeat(63)}.${'b'.repeat(63)}.${'c'.repeat(63)}.${'d'.repeat(57)}.org`;
  assert.equal(host.length, 253);
  assert.ok(judgeHost(host).ok);
});

test('single labels and special-use suffixes are local', () => {
  for (const host of [
    'localhost',
    'intranet',
    'printer.local',
    'metadata.google.internal',
    'a.localhost',
    'x.corp',
  ]) {
    const judged = judgeHost(host);
    assert.ok(judged.ok && judged.local, host);
  }
  const ordinary = judgeHost('internal.example.org');
  assert.ok(ordinary.ok && !ordinary.local);
});

for (const raw of ['0', '65536', '99999', '+80', '-1', '080', ' 80', '80 ', '0x50', '8e1', '', '80a', '１']) {
  test(`egress/the port ${JSON.stringify(raw)}: refused`, () => {
    const judged = judgePort(raw);
    assert.equal(judged.ok ? judged.port : judged.code, 'EGRESS_PORT_INVALID');
  });
}

test('ports 1 and 65535 are ports', () => {
  assert.ok(judgePort('1').ok && judgePort('65535').ok);
});

test('an authority keeps host and port apart', () => {
  assert.deepEqual(judgeAuthority('[::1]:8080'), {
    ok: true,
    target: { host: '::1', port: 8080, literal: 6, local: false },
  });
  for (const raw of ['example.org:', 'example.org:80:81', ':80', '[::1]80', '[::1]:', 'example.org']) {
    assert.equal(judgeAuthority(raw).ok, false, raw);
  }
});

test('a URL is split by hand: the path stays as it was sent', () => {
  const judged = judgeUrl('HTTP://Example.org/a/../b%2f?x=http://evil.org/');
  assert.ok(judged.ok);
  assert.equal(judged.url.path, '/a/../b%2f?x=http://evil.org/');
  assert.equal(judged.url.target.port, 80);
  const bare = judgeUrl('https://example.org?x');
  assert.ok(bare.ok && bare.url.path === '/?x' && bare.url.target.port === 443);
});

for (const raw of [
  'http:/example.org/',
  'http:///example.org/',
  '//example.org/',
  'http://example.org/#f',
  'http://example.org/a b',
  'http://example.org\\@evil.org/',
  'http://user:pw@example.org/',
  'http://example.org:80:443/',
  'javascript://example.org/',
  'http://exa\tmple.org/',
]) {
  test(`egress/the URL ${JSON.stringify(raw)}: refused`, () => assert.equal(judgeUrl(raw).ok, false));
}

const fragment = fc.constantFrom(
  'a',
  '.',
  '..',
  '0',
  '0x',
  '1',
  '127',
  '%2e',
  '@',
  '\\',
  '[',
  ']',
  ':',
  '::1',
  '\0',
  '\t',
  '。',
  '１',
  'xn--',
  '-',
  '*',
  ' ',
  'org',
);

test('judging never throws, and what it accepts reads the same in the WHATWG parser', () => {
  const raw = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.array(fragment, { maxLength: 8 }).map((parts) => parts.join('')),
  );
  fc.assert(
    fc.property(raw, (text) => {
      const judged = judgeHost(text);
      if (!judged.ok) return;
      const shown = judged.literal === 6 ? `[${judged.host}]` : judged.host;
      assert.equal(new URL(`http://${shown}/`).hostname, shown);
      assert.equal(new URL(`http://${text}/`).hostname, shown);
      assert.equal(isIP(judged.host), judged.literal);
      const again = judgeHost(shown);
      assert.ok(again.ok && again.host === judged.host);
    }),
    { numRuns: 5_000 },
  );
});

test('judging URLs and authorities never throws', () => {
  const raw = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.array(fragment, { maxLength: 10 }).map((parts) => `http://${parts.join('')}`),
  );
  fc.assert(
    fc.property(raw, (text) => {
      judgeAuthority(text, 80);
      const judged = judgeUrl(text);
      if (judged.ok)
        assert.equal(new URL(text).host.replace(/:\d+$/, '').replace(/^\[|\]$/g, ''), judged.url.target.host);
    }),
    { numRuns: 5_000 },
  );
});
