import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { MIN_REDACTED_LENGTH, Redactor } from './index.ts';

const VALUE = 'sk-live-+/7Gq"ü$ x9Kd';

function redactorOf(...values: readonly string[]): Redactor {
  const redactor = new Redactor();
  redactor.register(values);
  return redactor;
}

function streamed(redactor: Redactor, chunks: readonly Buffer[]): Buffer {
  const stream = redactor.stream();
  return Buffer.concat([...chunks.map((chunk) => stream.push(chunk)), stream.flush()]);
}

function cut(bytes: Buffer, sizes: readonly number[]): Buffer[] {
  const chunks: Buffer[] = [];
  let at = 0;
  for (const size of [...sizes, bytes.length]) {
    chunks.push(bytes.subarray(at, at + size));
    at += size;
  }
  return chunks;
}

const FORMS: Readonly<Record<string, string>> = {
  plain: VALUE,
  'percent-encoded': encodeURIComponent(VALUE),
  'percent-encoded in lower case': encodeURIComponent(VALUE).replace(/%../g, (escape) =>
    escape.toLowerCase(),
  ),
  'JSON-escaped': JSON.stringify(VALUE).slice(1, -1),
};

for (const [title, form] of Object.entries(FORMS)) {
  test(`a value is removed from text and streams: ${title}`, () => {
    const redactor = redactorOf(VALUE);
    const text = `before ${form} after`;
    assert.equal(redactor.redact(text), 'before [secret removed] after');
    const masked = streamed(redactor, [Buffer.from(text)]).toString();
    assert.ok(masked.startsWith('before ***') && masked.endsWith('*** after'), masked);
    assert.equal(Buffer.byteLength(masked), Buffer.byteLength(text));
  });
}

test('a value inside base64 of something longer is masked at every alignment, in both alphabets', () => {
  const redactor = redactorOf(VALUE);
  for (const before of ['', 'a', 'ab', 'abc', 'user:']) {
    for (const encoding of ['base64', 'base64url'] as const) {
      const encoded = Buffer.from(`${before}${VALUE}:tail`).toString(encoding);
      const masked = streamed(redactor, [Buffer.from(encoded)]).toString();
      const left = Buffer.from(masked.replaceAll('*', 'A'), encoding).toString('latin1');
      assert.ok(masked.includes('*'.repeat(Math.floor(VALUE.length * 1.2))), encoded);
      assert.ok(!left.includes(VALUE.slice(2, -2)));
    }
  }
});

test('a value is found however the stream is cut, and everything else arrives as it was', () => {
  const redactor = redactorOf(VALUE, 'another-secret-value');
  const part = fc.constantFrom(
    VALUE,
    'another-secret-value',
    'sk-live',
    'data: {"a":1}\n\n',
    'another-',
    VALUE.slice(0, 7),
    'x',
  );
  fc.assert(
    fc.property(
      fc.array(part, { maxLength: 8 }),
      fc.array(fc.integer({ min: 0, max: 9 }), { maxLength: 30 }),
      (parts, sizes) => {
        const bytes = Buffer.from(parts.join(''));
        const whole = streamed(redactor, [bytes]);
        assert.deepEqual(streamed(redactor, cut(bytes, sizes)), whole);
        assert.equal(whole.length, bytes.length);
        assert.ok(!whole.includes(VALUE) && !whole.includes('another-secret-value'));
      },
    ),
    { numRuns: 2_000 },
  );
});

test('text without a secret is never held back', () => {
  const stream = redactorOf(VALUE).stream();
  assert.equal(stream.push(Buffer.from('data: hello\n\n')).toString(), 'data: hello\n\n');
  assert.equal(stream.push(Buffer.from('data: sk-li')).toString(), 'data: ');
  assert.equal(stream.push(Buffer.from('ne\n\n')).toString(), 'sk-line\n\n');
});

test('a value shorter than the least length hides nothing, one of that length does', () => {
  const least = 'k'.repeat(MIN_REDACTED_LENGTH - 1) + 'z';
  assert.equal(redactorOf('none').redact('none of it'), 'none of it');
  assert.ok(redactorOf(least.slice(1)).empty);
  assert.equal(redactorOf(least).redact(`a ${least}`), 'a [secret removed]');
});
