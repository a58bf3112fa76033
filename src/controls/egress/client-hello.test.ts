import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { readClientHello, SecondHelloWatch } from './client-hello.ts';
import { clientHello } from './testing/client-hellos.ts';

const NAME = 'api.example.org';

test('the name is read whatever the fragments, and its case is folded', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 60 }), { maxLength: 6 }), (fragments) => {
      const bytes = clientHello({ names: ['API.example.ORG'], fragments });
      assert.deepEqual(readClientHello(bytes), {
        state: 'hello',
        name: NAME,
        hidden: false,
        length: bytes.length,
      });
    }),
  );
});

test('every prefix of a hello asks for more, and for no less than it needs', () => {
  const bytes = clientHello({ names: [NAME], fragments: [3, 50] });
  for (let end = 0; end < bytes.length; end += 1) {
    const hello = readClientHello(bytes.subarray(0, end));
    assert.equal(hello.state, 'more');
    assert.ok(hello.state === 'more' && hello.need > end && hello.need <= bytes.length);
  }
});

test('bytes behind the hello are left to the tunnel', () => {
  const bytes = clientHello({ names: [NAME] });
  const hello = readClientHello(Buffer.concat([bytes, Buffer.from([23, 3, 3, 0, 1, 0])]));
  assert.ok(hello.state === 'hello' && hello.length === bytes.length);
});

test('reading never throws on arbitrary bytes', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
      readClientHello(Buffer.from(bytes));
      readClientHello(Buffer.concat([Buffer.from([22, 3, 1]), bytes]));
    }),
    { numRuns: 3_000 },
  );
});

test('a hello with any changed bytes names the same host, no host, another one in full, or is refused', () => {
  const original = clientHello({ names: [NAME] });
  const change = fc.tuple(fc.nat({ max: original.length - 1 }), fc.integer({ min: 0, max: 255 }));
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), (changes) => {
      const bytes = Buffer.from(original);
      for (const [at, value] of changes) bytes[at] = value;
      const hello = readClientHello(bytes);
      // Whatever name is read stands in the bytes once and as a whole: there is no second one to choose.
      if (hello.state !== 'hello' || hello.name === null) return;
      const text = bytes.toString('latin1').toLowerCase();
      assert.equal(text.split(hello.name).length, 2);
    }),
    { numRuns: 5_000 },
  );
});

test('two names are never accepted, in one list or in two extensions', () => {
  const name = fc.constantFrom(NAME, 'evil.example.org', 'a.b');
  fc.assert(
    fc.property(
      name,
      name,
      fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 3 }),
      (a, b, fragments) => {
        assert.equal(readClientHello(clientHello({ names: [a, b], fragments })).state, 'malformed');
        assert.equal(
          readClientHello(clientHello({ names: [a], repeatExtension: true, fragments })).state,
          'malformed',
        );
      },
    ),
  );
});

function watch(limit = 16_384): SecondHelloWatch {
  return new SecondHelloWatch((hello) => hello.name === NAME, limit);
}

test('the watch lets encrypted records and the same name pass, whole or byte by byte', () => {
  const records = Buffer.concat([
    Buffer.from([20, 3, 3, 0, 1, 1]),
    clientHello({ names: [NAME], fragments: [9] }),
  ]);
  assert.ok(watch().feed(records));
  const bytewise = watch();
  for (const byte of records) assert.ok(bytewise.feed(Buffer.from([byte])));
  assert.ok(watch().feed(Buffer.from([23, 3, 3, 0, 2, 0, 0])));
});

test('egress/a second hello with another name, behind an alert or an empty record: refused', () => {
  const evil = clientHello({ names: ['evil.example.org'] });
  assert.equal(watch().feed(evil), false);
  assert.equal(watch().feed(Buffer.concat([Buffer.from([21, 3, 3, 0, 2, 1, 90]), evil])), false);
  assert.equal(watch().feed(Buffer.concat([Buffer.from([22, 3, 3, 0, 0]), evil])), false);
  const bytewise = watch();
  assert.ok([...evil].some((byte) => !bytewise.feed(Buffer.from([byte]))));
});

test('egress/a second hello that never ends: refused at the limit', () => {
  const endless = watch(100);
  assert.equal(endless.feed(Buffer.concat([Buffer.from([22, 3, 1, 0x40, 0, 1]), Buffer.alloc(94)])), true);
  assert.equal(endless.feed(Buffer.alloc(1)), false);
});
