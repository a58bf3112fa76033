import type { ServerResponse } from 'node:http';
import { SECURITY_HEADERS } from './headers.ts';

/** Aborts when the client goes away before its answer is complete; what it asked for then ends too. */
export function disconnectSignal(response: ServerResponse): AbortSignal {
  const controller = new AbortController();
  // Who left while the caller was being proven closed the answer before anybody listened for it.
  if (response.closed) controller.abort();
  response.once('close', () => {
    if (!response.writableFinished) controller.abort();
  });
  return controller.signal;
}

/**
 * Writes a streamed answer. What a slow reader has not taken is bounded: beyond the bound its connection is closed,
 * which also ends the work behind it (attack 91).
 */
export class StreamWriter {
  readonly #response: ServerResponse;
  readonly #bufferedBytes: number;

  constructor(response: ServerResponse, bufferedBytes: number) {
    this.#response = response;
    this.#bufferedBytes = bufferedBytes;
  }

  get started(): boolean {
    return this.#response.headersSent;
  }

  /** Send the headers now, so that the client knows at once that its request is being worked on. */
  start(contentType: string): void {
    this.#response.writeHead(200, { ...SECURITY_HEADERS, 'content-type': contentType });
    this.#response.flushHeaders();
  }

  write(text: string): void {
    if (this.#response.destroyed || this.#response.writableEnded) return;
    this.#response.write(text);
    if (this.#response.writableLength > this.#bufferedBytes) this.#response.destroy();
  }

  end(text: string): void {
    if (this.#response.destroyed || this.#response.writableEnded) return;
    this.#response.end(text);
  }
}
