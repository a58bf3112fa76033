/** Keeps the first bytes of a stream and counts the rest, so that a run can never fill the gateway's memory. */
export class CappedOutput {
  readonly #limit: number;
  readonly #chunks: Uint8Array[] = [];
  #kept = 0;
  #dropped = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Returns the part of the chunk that was kept. */
  push(chunk: Uint8Array): Uint8Array {
    const room = this.#limit - this.#kept;
    const part = chunk.length <= room ? chunk : chunk.subarray(0, room);
    if (part.length > 0) this.#chunks.push(part);
    this.#kept += part.length;
    this.#dropped += chunk.length - part.length;
    return part;
  }

  get dropped(): number {
    return this.#dropped;
  }

  bytes(): Uint8Array {
    return Buffer.concat(this.#chunks);
  }
}
