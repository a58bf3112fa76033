import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { StoredMessage } from '../types.ts';
import { callsOf, openCalls, units, wellFormed } from './context.ts';

const row = { at: 0, run: 'r', taint: [] } as const;

/** Any order of rows, also ones that a crash or a cut could leave. */
const messages = fc
  .array(
    fc.oneof(
      fc.constant({ role: 'user' as const }),
      fc.record({
        role: fc.constant('assistant' as const),
        calls: fc.uniqueArray(fc.integer({ min: 0, max: 9 }), { maxLength: 3 }),
      }),
      fc.record({ role: fc.constant('toolResult' as const), call: fc.integer({ min: 0, max: 9 }) }),
    ),
    { maxLength: 20 },
  )
  .map((items): StoredMessage[] => {
    const used = new Set<number>();
    return items.map((item, index): StoredMessage => {
      const base = { ...row, id: `${index}`, seq: index + 1 };
      if (item.role === 'user') return { ...base, role: 'user', content: [{ type: 'text', text: 'x' }] };
      if (item.role === 'toolResult') {
        return {
          ...base,
          role: 'toolResult',
          toolCallId: `${item.call}`,
          toolName: 't',
          content: 'x',
          isError: false,
        };
      }
      const fresh = item.calls.filter((call) => !used.has(call));
      for (const call of fresh) used.add(call);
      const content = fresh.map((call) => ({
        type: 'toolCall' as const,
        id: `${call}`,
        name: 't',
        arguments: {},
      }));
      return { ...base, role: 'assistant', model: 'm', content };
    });
  });

test('what a model is shown has one result right after each call, and none without a call', () => {
  fc.assert(
    fc.property(messages, (input) => {
      const output = wellFormed(input);
      for (const [index, message] of output.entries()) {
        const ids = callsOf(message).map((call) => call.id);
        const after = output.slice(index + 1, index + 1 + ids.length);
        assert.deepEqual(
          after.map((item) => (item.role === 'toolResult' ? item.toolCallId : '')),
          ids,
        );
      }
      const calls = output.flatMap(callsOf).length;
      assert.equal(output.filter((message) => message.role === 'toolResult').length, calls);
      assert.deepEqual(
        output.filter((message) => message.role === 'user'),
        input.filter((message) => message.role === 'user'),
      );
      assert.deepEqual(wellFormed(output), output);
    }),
  );
});

test('units hold every message once, in order, and never begin with a result except at the very start', () => {
  fc.assert(
    fc.property(messages, (input) => {
      const grouped = units(input);
      assert.deepEqual(grouped.flat(), input);
      assert.ok(grouped.slice(1).every((unit) => unit[0]?.role !== 'toolResult'));
    }),
  );
});

test("another run's open calls are never taken up", () => {
  fc.assert(fc.property(messages, (input) => assert.deepEqual(openCalls(input, 'another'), [])));
});
