import { MODEL_CODES } from '../codes.ts';

/** Bytes of one answer as they come over the wire; the longest text of a step takes most of them as events. */
export const MAX_ANSWER_BYTES = 32 * 1024 * 1024;

/**
 * The same fetch, with an end to what it returns. The SDK gathers pieces of a tool call, of reasoning and of a
 * line without an end before it tells anybody, so only here can a hostile server be kept from filling the
 * memory (attack 92). Reading past the limit throws MODEL_BAD_RESPONSE.
 */
export function boundedFetch(
  fetch: typeof globalThis.fetch,
  maxBytes: number = MAX_ANSWER_BYTES,
): typeof globalThis.fetch {
  return async (...request) => {
    const response = await fetch(...request);
    if (response.body === null) return response;
    const { status, statusText, headers } = response;
    return new Response(bounded(response.body, maxBytes), { status, statusText, headers });
  };
}

function bounded(body: ReadableStream<Uint8Array>, maxBytes: number): ReadableStream<Uint8Array> {
  const reader = body.getReader();
  let left = maxBytes;
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = await reader.read();
        if (done) return controller.close();
        left -= value.byteLength;
        if (left >= 0) return controller.enqueue(value);
        await reader.cancel();
        throw MODEL_CODES.error('MODEL_BAD_RESPONSE', 'the model would not stop', {
          details: { retryable: false },
        });
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  );
}
