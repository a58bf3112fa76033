import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import * as fc from 'fast-check';
import {
  CREDENTIAL_REMOVED,
  type Detector,
  hideCredentials,
  loadDetector,
  MAX_HELD_WORD,
  OutgoingText,
} from './index.ts';

const GITHUB = ['ghp', '_a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8'].join('');
const BODY = `${'MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEA'}\n${'AoIBAQC7VJTUt9Us8cKjMzEfYyjiWA4R4M2bS1GB4t7N'}`;
const PEM = `-----BEGIN PRIVATE KEY-----\n${BODY}\n-----END PRIVATE KEY-----\n`;

let detector: Detector;
before(async () => {
  detector = await loadDetector();
});

function streamed(pieces: readonly string[]): string {
  const outgoing = new OutgoingText(detector);
  return pieces.map((piece) => outgoing.push(piece)).join('') + outgoing.flush();
}

function cut(text: string, sizes: readonly number[]): string[] {
  const pieces: string[] = [];
  let at = 0;
  for (const size of [...sizes, text.length]) {
    pieces.push(text.slice(at, at + size));
    at += size;
  }
  return pieces;
}

const SECRETS: Readonly<Record<string, readonly [text: string, value: string]>> = {
  'a token': [`here: ${GITHUB} and more`, GITHUB],
  'an assignment': ['DB_PASSWORD = hunter2-Battery9\nPORT=80', 'hunter2-Battery9'],
  'an assignment in quotes with spaces': [
    'client_secret: "correct horse 9 battery"\nx',
    'correct horse 9 battery',
  ],
  'a URL': ['at postgres://app:s3cr3t-pw9@db.example/x now', 's3cr3t-pw9'],
  'a header': ['-H Authorization: Bearer abcdefgh12345678 done', 'abcdefgh12345678'],
  'a key block': [`key:\n${PEM}end`, BODY],
};

for (const [title, [text, value]] of Object.entries(SECRETS)) {
  test(`secrets/${title} that leaves in pieces, however it is cut: refused`, () => {
    const whole = hideCredentials(detector, text);
    assert.ok(whole.includes(CREDENTIAL_REMOVED) && !whole.includes(value));
    for (let size = 1; size < text.length; size += 1) {
      const out = streamed(
        cut(
          text,
          Array.from({ length: text.length / size }, () => size),
        ),
      );
      // Letters that could have begun any word may have gone out before it was clear what they begin.
      assert.ok(out.includes(CREDENTIAL_REMOVED) && !out.includes(value.slice(4)), `${size}: ${out}`);
      assert.ok(out.startsWith(text.slice(0, 3)) && out.endsWith(text.slice(-2)), out);
    }
  });
}

test('whatever is said: pieces give what the whole text gives, and text without a credential arrives as it was', () => {
  const part = fc.constantFrom(
    ...Object.values(SECRETS).map(([text]) => text),
    'an ordinary sentence. ',
    'token',
    'password: ',
    '\n',
    'https://example.org/a?b=c ',
    '"integrity": "sha512-abcDEF+/123==" ',
    '-----BEGIN CERTIFICATE-----\nabc\n',
    'é ',
  );
  fc.assert(
    fc.property(
      fc.array(part, { maxLength: 6 }),
      fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 40 }),
      (parts, sizes) => {
        const text = parts.join('\n');
        const out = streamed(cut(text, sizes));
        for (const [, value] of Object.values(SECRETS)) assert.ok(!out.includes(value.slice(4)), out);
        if (detector.find(text).length === 0) assert.equal(out, text);
      },
    ),
    { numRuns: 400 },
  );
});

describe('what is held back', () => {
  test('a value, and not the words around it', () => {
    const outgoing = new OutgoingText(detector);
    for (const piece of ['Hello wor', 'ld, the token is', ' gone.\n', 'password', ': '])
      assert.equal(outgoing.push(piece), piece);
    assert.equal(outgoing.push('hunter2'), '');
    assert.equal(outgoing.push('-Battery9'), '');
    assert.equal(outgoing.push(' is'), `${CREDENTIAL_REMOVED} is`);
  });

  test('a word of the greatest length that is held back, and one character more', () => {
    const outgoing = new OutgoingText(detector);
    assert.equal(outgoing.push('-'.repeat(MAX_HELD_WORD)), '');
    assert.equal(outgoing.push('-').length, 1);
  });

  test('a key block that does not end goes nowhere', () => {
    const outgoing = new OutgoingText(detector);
    const out = [
      `-----BEGIN PRIVATE KEY-----\n`,
      ...Array.from({ length: 1_000 }, () => `${BODY}\n`),
      '-----END PRIVATE KEY-----\nthe end ',
    ].map((piece) => outgoing.push(piece));
    const text = out.join('') + outgoing.flush();
    assert.ok(!text.includes(BODY.slice(0, 20)), text.slice(0, 300));
    assert.match(text, /end/);
  });
});
