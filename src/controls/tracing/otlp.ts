import type { Span, TracingSettings } from './types.ts';

const INTERNAL = 1;
const SERVER = 2;
const CLIENT = 3;
const STATUS_ERROR = 2;

function attribute(key: string, value: string | number) {
  if (typeof value === 'string') return { key, value: { stringValue: value } };
  // 64-bit integers are strings in the JSON of Protocol Buffers.
  return Number.isInteger(value)
    ? { key, value: { intValue: String(value) } }
    : { key, value: { doubleValue: value } };
}

const nano = (ms: number): string => `${Math.max(0, Math.trunc(ms))}000000`;

function kindOf(name: string): number {
  if (name === 'turn') return SERVER;
  return name === 'egress' || name === 'model call' ? CLIENT : INTERNAL;
}

/** An ExportTraceServiceRequest in OTLP/HTTP JSON (opentelemetry-proto 1.3; ids in hex as its JSON mapping says). */
export function otlpBody(spans: readonly Span[], { service, version }: TracingSettings): string {
  return JSON.stringify({
    resourceSpans: [
      {
        resource: {
          attributes: [attribute('service.name', service), attribute('service.version', version)],
        },
        scopeSpans: [
          {
            scope: { name: 'gatehouse', version },
            spans: spans.map((one) => ({
              traceId: one.traceId,
              spanId: one.spanId,
              ...(one.parentSpanId === '' ? {} : { parentSpanId: one.parentSpanId }),
              name: one.name,
              kind: kindOf(one.name),
              startTimeUnixNano: nano(one.startAt),
              endTimeUnixNano: nano(one.endAt),
              attributes: Object.entries(one.attributes).map(([key, value]) => attribute(key, value)),
              status: one.failed ? { code: STATUS_ERROR } : {},
            })),
          },
        ],
      },
    ],
  });
}
