import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import { readPrometheusText } from '../../../test/fixtures/prometheus-text.ts';
import { exposition, MAX_SERIES, OTHER } from './exposition.ts';

const family = (samples: readonly { labels: Record<string, string>; value: number }[]) =>
  ({ name: 'gatehouse_things_total', type: 'counter', help: 'Things.', samples }) as const;

describe('the text that Prometheus reads', () => {
  test('whatever stands in a label is read back as one label of one series, without control characters', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 300 }), fc.nat(), (label, value) => {
        const { series } = readPrometheusText(exposition([family([{ labels: { code: label }, value }])]));
        assert.equal(series.length, 1);
        assert.equal(series[0]?.value, value);
        const read = series[0]?.labels['code'] ?? '';
        assert.ok(read.length <= 128);
        assert.doesNotMatch(read, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
      }),
    );
  });

  test('metrics/a label that ends its line and adds a series of its own: refused', () => {
    const forged = 'x"} 1\ngatehouse_egress_up 1\n# HELP a b\\';
    const text = exposition([family([{ labels: { code: forged }, value: 1 }])]);
    const { series } = readPrometheusText(text);
    assert.deepEqual(series, [{ name: 'gatehouse_things_total', labels: { code: forged }, value: 1 }]);
  });

  test('metrics/names without end to blow up series: refused; the rest is one series, and the sum stays right', () => {
    const at = (count: number) =>
      readPrometheusText(
        exposition([
          family(
            Array.from({ length: count }, (_, n) => ({ labels: { host: `h${n}.evil.example` }, value: 2 })),
          ),
        ]),
      ).series;
    assert.equal(at(MAX_SERIES - 1).length, MAX_SERIES - 1);
    assert.equal(
      at(MAX_SERIES - 1).some(({ labels }) => labels['host'] === OTHER),
      false,
    );
    const full = at(10_000);
    assert.equal(full.length, MAX_SERIES);
    assert.equal(full.at(-1)?.labels['host'], OTHER);
    assert.equal(
      full.reduce((sum, { value }) => sum + value, 0),
      20_000,
    );
  });

  test('numbers that are none are written as the format names them, and names are checked', () => {
    const gauge = (value: number) =>
      exposition([{ name: 'a', type: 'gauge', help: 'x', samples: [{ labels: {}, value }] }]);
    assert.match(gauge(Number.NaN), /^a NaN$/m);
    assert.match(gauge(Number.POSITIVE_INFINITY), /^a \+Inf$/m);
    assert.throws(() => exposition([{ ...family([]), name: 'Gate house' }]));
    assert.throws(() => exposition([{ ...family([]), name: 'gatehouse_things' }]), /no name of a counter/);
    assert.throws(() => exposition([family([{ labels: { 'a-b': '' }, value: 1 }])]));
  });
});
