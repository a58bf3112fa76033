import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import { incomingTrace } from './incoming.ts';
import { otlpBody } from './otlp.ts';
import { SpanMaker, traceIdOf, turnSpanId } from './spans.ts';
import { BATCH_SPANS, MAX_WAITING_SPANS, Tracer } from './tracer.ts';
import type { TracedRecord } from './types.ts';

const TRACE = '0af76519-16cd-43dd-8448-eb211c80319c';
const SUBJECT = { agent: 'main', session: 'agent:main:main', run: 'r1' };
let seq = 0;

function record(type: string, action: string, more: Partial<TracedRecord> = {}): TracedRecord {
  seq += 1;
  return {
    writer: 'gateway',
    seq,
    at: 10_000,
    type,
    action,
    outcome: 'success',
    trace: TRACE,
    subject: SUBJECT,
    ...more,
  };
}

describe('spans of records', () => {
  test('a turn, its model call, decision, tool and connection are one trace, all below the turn', () => {
    const maker = new SpanMaker();
    const records = [
      record('message', 'message.received'),
      record('model', 'model.called', { data: { provider: 'openai', model: 'm', ms: 40, inputTokens: 5 } }),
      record('decision', 'tool.call', { outcome: 'allow', rule: 'playbook:main/shell' }),
      record('tool', 'tool.finished', { subject: { ...SUBJECT, tool: 'shell' }, data: { ms: 30 } }),
      {
        ...record('egress', 'net.closed', { data: { host: 'api.example.org', port: 443, ms: 20, sent: 3 } }),
        writer: 'egress',
        trace: undefined as never,
        subject: { ...SUBJECT, run: 'sandbox-1' },
      },
      record('message', 'message.answered', { data: { ms: 100, steps: 2 } }),
    ];
    const spans = records.flatMap((one) => maker.of(one) ?? []);
    assert.deepEqual(
      spans.map(({ name, startAt, endAt }) => [name, endAt - startAt]),
      [
        ['model call', 40],
        ['decide', 0],
        ['tool', 30],
        ['egress', 20],
        ['turn', 100],
      ],
    );
    const turn = spans.at(-1);
    assert.equal(turn?.spanId, turnSpanId(TRACE, 'r1'));
    assert.equal(turn?.traceId, '0af7651916cd43dd8448eb211c80319c');
    for (const span of spans.slice(0, -1)) {
      assert.equal(span.parentSpanId, turn?.spanId);
      assert.equal(span.traceId, turn?.traceId);
    }
    assert.equal(new Set(spans.map(({ spanId }) => spanId)).size, spans.length);
  });

  test('tracing/content, titles, arguments and refused names to leave in a span: refused', () => {
    const maker = new SpanMaker();
    const secret = 'sk-very-secret-content';
    const data = {
      ms: 1,
      title: secret,
      call: secret,
      arguments: secret,
      text: secret,
      prompt: secret,
      raw: secret,
    };
    const kinds = [
      ['message', 'message.received'],
      ['message', 'message.admitted'],
      ['model', 'model.called'],
      ['decision', 'tool.call'],
      ['tool', 'tool.started'],
      ['tool', 'tool.finished'],
      ['egress', 'net.closed'],
      ['message', 'message.answered'],
    ] as const;
    const spans = kinds.flatMap(([type, action]) => maker.of(record(type, action, { data })) ?? []);
    const refused = maker.of(
      record('egress', 'net.connect', {
        outcome: 'deny',
        code: 'EGRESS_HOST_NOT_ALLOWED',
        data: { host: `${secret}.evil.example` },
      }),
    );
    const body = otlpBody([...spans, ...(refused === undefined ? [] : [refused])], {
      sample: 1,
      service: 's',
      version: '1',
    });
    assert.equal(body.includes(secret), false);
    assert.ok(spans.length >= 5 && refused !== undefined);
  });

  test('what is written is OTLP JSON: hex ids, nanoseconds as text, integers as text, errors as status', () => {
    const maker = new SpanMaker();
    maker.of(record('message', 'message.received'));
    const span = maker.of(
      record('model', 'model.called', { outcome: 'failure', code: 'MODEL_UNAVAILABLE', data: { ms: 1.5 } }),
    );
    assert.ok(span);
    const body = JSON.parse(otlpBody([span], { sample: 1, service: 'gatehouse', version: '9' })) as {
      resourceSpans: {
        resource: { attributes: unknown[] };
        scopeSpans: { spans: Record<string, unknown>[] }[];
      }[];
    };
    const [written] = body.resourceSpans[0]?.scopeSpans[0]?.spans ?? [];
    assert.match(String(written?.['traceId']), /^[0-9a-f]{32}$/);
    assert.match(String(written?.['spanId']), /^[0-9a-f]{16}$/);
    assert.equal(written?.['endTimeUnixNano'], '10000000000');
    assert.deepEqual(written?.['status'], { code: 2 });
    assert.deepEqual(body.resourceSpans[0]?.resource.attributes[0], {
      key: 'service.name',
      value: { stringValue: 'gatehouse' },
    });
  });

  test('any trace of ours is a trace id of 32 hex digits, and different ones stay different', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (a, b) => {
        assert.match(traceIdOf(a), /^[0-9a-f]{32}$/);
        if (a !== b) assert.notEqual(traceIdOf(a), traceIdOf(b));
      }),
    );
  });
});

describe('what a proxy says', () => {
  test('a traceparent and a request id of 32 digits become the trace; anything else is none', () => {
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    assert.deepEqual(incomingTrace({ traceparent }), { trace: TRACE, parent: 'b7ad6b7169203331' });
    assert.deepEqual(incomingTrace({ 'x-request-id': '0af7651916cd43dd8448eb211c80319c' }), { trace: TRACE });
    assert.deepEqual(incomingTrace({ 'x-request-id': TRACE }), { trace: TRACE });
    for (const wrong of [
      `01${traceparent.slice(2)}`,
      traceparent.replace('0af7651916cd43dd8448eb211c80319c', '0'.repeat(32)),
      traceparent.replace('b7ad6b7169203331', '0'.repeat(16)),
      `${traceparent}-more`,
      'grant:g1',
      '../../etc/passwd',
      `${'a'.repeat(31)}\n`,
    ]) {
      assert.equal(incomingTrace({ traceparent: wrong }), undefined, wrong);
      assert.equal(incomingTrace({ 'x-request-id': wrong }), undefined, wrong);
    }
    assert.equal(incomingTrace({ traceparent: [traceparent, traceparent] }), undefined);
    assert.equal(incomingTrace({ 'x-request-id': '0'.repeat(32) }), undefined);
  });
});

function tracer(send: (body: string) => boolean, sample = 1) {
  const bodies: string[] = [];
  const made = new Tracer({
    settings: () => ({ sample, service: 'gatehouse', version: '1' }),
    send: async (body) => {
      bodies.push(body);
      return send(body);
    },
    egressRecords: async () => [],
    egressHead: async () => 0,
    setTimer: () => () => undefined,
  });
  made.record(record('message', 'message.received'));
  const add = (count: number) => {
    for (let n = 0; n < count; n += 1) made.record(record('model', 'model.called', { data: { ms: 1 } }));
  };
  return { tracer: made, add, bodies };
}

describe('handing spans over', () => {
  test('spans beyond the bound are dropped and counted; those at the bound are sent', async () => {
    const { tracer: own, add, bodies } = tracer(() => true);
    add(MAX_WAITING_SPANS);
    assert.equal(own.dropped, 0);
    add(1);
    assert.equal(own.dropped, 1);
    await own.flush();
    assert.equal(bodies.length, MAX_WAITING_SPANS / BATCH_SPANS);
    add(10);
    await own.flush();
    assert.equal(own.dropped, 1);
  });

  test('a collector that refuses is asked three times, then its batch is dropped and counted', async () => {
    const { tracer: own, add, bodies } = tracer(() => false);
    add(10);
    for (let n = 0; n < 3; n += 1) await own.flush();
    assert.equal(bodies.length, 3);
    assert.equal(new Set(bodies).size, 1);
    assert.equal(own.dropped, 10);
  });

  test('nothing is sent of a trace that is not sampled, and everything of one that is', async () => {
    const none = tracer(() => true, 0);
    none.add(5);
    await none.tracer.flush();
    assert.equal(none.bodies.length, 0);
    const all = tracer(() => true, 1);
    all.add(5);
    await all.tracer.flush();
    assert.equal(all.bodies.length, 1);
  });
});
