import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import JSON5 from 'json5';
import { Value } from 'typebox/value';
import { GatehouseError } from '../../kernel/index.ts';
import { Issues } from '../issues.ts';
import { loadConfigText, loadEffectiveConfig } from '../load.ts';
import { formatPath, parsePath, type Segment, valueAt } from '../path.ts';
import { ConfigSchema } from '../schema.ts';
import { NOW, testHome } from '../testing/home.ts';
import { editJson5 } from './edit.ts';
import { parseJson5 } from './parse.ts';
import { scanJson5 } from './scan.ts';
import { type SchemaNode, walkSchema } from './schema-walk.ts';

const KEY = fc
  .oneof(fc.stringMatching(/^[a-zA-Z$_][a-zA-Z0-9]{0,5}$/), fc.string({ maxLength: 4 }))
  .filter((key) => !['__proto__', 'constructor', 'prototype', ''].includes(key));
const JSON_VALUE = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.string({ maxLength: 8 }),
    fc.integer(),
    fc.boolean(),
    fc.constant(null),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(KEY, tie('value'), { maxKeys: 4, noNullPrototype: true }),
  ),
})).value;
const OBJECT = fc.dictionary(KEY, JSON_VALUE, { maxKeys: 5, noNullPrototype: true });

/** The same value in other spellings: comments, single quotes, bare keys, trailing commas. */
const SPELLINGS: readonly ((value: unknown) => string)[] = [
  (value) => JSON.stringify(value),
  (value) => JSON.stringify(value, null, 3),
  (value) => `/* { " */ ${JSON5.stringify(value, null, 2)} // }`,
  (value) => JSON5.stringify(value, { space: 1, quote: "'" }),
];

function everyPath(value: unknown, at: readonly Segment[] = []): readonly string[] {
  if (value === null || typeof value !== 'object') return [formatPath(at)];
  const entries = Array.isArray(value) ? [...value.entries()] : Object.entries(value);
  return [formatPath(at), ...entries.flatMap(([key, item]) => everyPath(item, [...at, key]))];
}

test('the scanner sees exactly the places that the parser builds, in every spelling', () => {
  fc.assert(
    fc.property(OBJECT, fc.constantFrom(...SPELLINGS), (value, spell) => {
      const text = spell(value);
      const scan = scanJson5(text);
      assert.deepEqual([...scan.spans.keys()].sort(), [...everyPath(JSON5.parse(text))].sort());
      assert.deepEqual(scan.duplicates, []);
      for (const [path, span] of scan.spans) {
        const segments = parsePath(path) ?? [];
        assert.deepEqual(JSON5.parse(text.slice(span.start, span.end)), valueAt(JSON5.parse(text), segments));
      }
    }),
  );
});

test('a repeated key is found at any depth and in any spelling of it', () => {
  fc.assert(
    fc.property(OBJECT, KEY, fc.nat(3), (value, key, depth) => {
      const escaped = `"${[...key].map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`).join('')}"`;
      fc.pre([...key].every((unit) => unit.length === 1));
      let text = `{${JSON.stringify(key)}: ${JSON.stringify(value)}, ${escaped}: 1}`;
      for (let level = 0; level < depth; level++) text = `{ a: [${text}] }`;
      const parsed = parseJson5(new TextEncoder().encode(text));
      assert.ok(
        parsed.problems.some((problem) => problem.code === 'CONFIG_DUPLICATE_KEY'),
        text,
      );
    }),
  );
});

test('an edited text reads as the value that was wanted, and other places stay', () => {
  const step = fc.oneof(KEY, KEY);
  fc.assert(
    fc.property(
      OBJECT,
      fc.constantFrom(...SPELLINGS),
      fc.array(step, { minLength: 1, maxLength: 3 }),
      fc.option(
        JSON_VALUE.filter((value) => value !== undefined),
        { nil: undefined },
      ),
      (value, spell, path, wanted) => {
        const edited = JSON5.parse<unknown>(editJson5(spell(value), path, wanted));
        assert.deepEqual(
          valueAt(edited, path),
          wanted === undefined ? undefined : JSON5.parse(JSON.stringify(wanted)),
        );
        for (const [key, item] of Object.entries(value)) {
          if (key !== path[0])
            assert.deepEqual((edited as Record<string, unknown>)[key], JSON5.parse(JSON.stringify(item)));
        }
      },
    ),
  );
});

test('paths are read back as they were written', () => {
  const segments = fc.array(fc.oneof(fc.string({ maxLength: 6 }), fc.nat(999)), {
    minLength: 1,
    maxLength: 5,
  });
  fc.assert(fc.property(segments, (path) => assert.deepEqual(parsePath(formatPath(path)), path)));
});

/** Configuration-like values: known keys with values that are often, but not always, right. */
const LIKELY = fc.record(
  {
    gateway: fc.record(
      {
        port: fc.oneof(fc.integer({ min: -5, max: 70_000 }), fc.string({ maxLength: 3 }), fc.double()),
        bind: fc.constantFrom('loopback', '127.0.0.1', 'lan', 7),
        allowedHosts: fc.oneof(fc.array(fc.string({ maxLength: 4 }), { maxLength: 3 }), fc.string()),
        extra: fc.boolean(),
      },
      { requiredKeys: [] },
    ),
    dmPolicy: fc.record(
      { mode: fc.constantFrom('open', 'pairing', 'x'), allowIds: fc.array(fc.string({ maxLength: 3 })) },
      { requiredKeys: [] },
    ),
    networkPolicy: fc.record(
      {
        allow_egress: fc.oneof(fc.boolean(), fc.string()),
        egress_allowlist: fc.array(fc.oneof(fc.string(), fc.record({ host: fc.string() }))),
      },
      { requiredKeys: [] },
    ),
    sandbox: fc.dictionary(fc.constantFrom('memoryMb', 'seconds', 'processes', 'other'), fc.integer(), {
      noNullPrototype: true,
    }),
    agents: fc.record(
      {
        entries: fc.dictionary(fc.constantFrom('a', 'B', 'main'), fc.record({ name: fc.string() }), {
          noNullPrototype: true,
        }),
      },
      { requiredKeys: [] },
    ),
  },
  { requiredKeys: [] },
);

test('the schema walk accepts exactly what the schema library accepts', () => {
  fc.assert(
    fc.property(LIKELY, (value) => {
      const issues = new Issues();
      walkSchema(ConfigSchema as object as SchemaNode, value, { issues });
      assert.equal(issues.errors.length === 0, Value.Check(ConfigSchema, value), JSON.stringify(value));
    }),
    { numRuns: 500 },
  );
});

test('whatever the bytes are, loading ends in a configuration or in CONFIG_INVALID', async () => {
  const input = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fc.string({ maxLength: 200 }),
    LIKELY.map((value) => JSON.stringify(value)),
    OBJECT.map((value) => JSON5.stringify(value)),
  );
  await fc.assert(
    fc.asyncProperty(input, async (content) => {
      using home = testHome(content);
      try {
        await loadEffectiveConfig({ ...home, env: {}, now: NOW });
      } catch (thrown) {
        assert.ok(thrown instanceof GatehouseError, String(thrown));
        assert.equal(thrown.code, 'CONFIG_INVALID');
      }
    }),
    { numRuns: 200 },
  );
});

test('what was accepted is accepted again when it is printed, and is the same', async () => {
  await fc.assert(
    fc.asyncProperty(LIKELY, async (value) => {
      const first = await loadConfigText(JSON.stringify(value));
      if (first.input === undefined) return;
      const second = await loadConfigText(JSON5.stringify(first.input, null, 2));
      assert.deepEqual(second.input, first.input);
    }),
  );
});
