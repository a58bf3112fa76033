import type { ServerResponse } from 'node:http';

/** Milliseconds that an answer which has not begun may still take when its credential ends. */
export const ENDING_GRACE_MS = 250;
/** Ended credentials that are remembered, for requests that were proven in the moment before the end. */
export const MAX_REMEMBERED_ENDS = 1_000;
/** Milliseconds for which the end of something that can come back is remembered. */
const RETURN_MS = 5_000;
/** Unlike a token, a principal that was disabled and an identity that expired may be let in again. */
const RETURNING = /^(principal|certificate|proxy):/;

/**
 * Knows which credential each open answer belongs to, so that a stream ends with the credential that opened it and
 * not when its work is done (A4, attack 81). What has begun to flow ends at once; what has not gets a moment, in
 * which the very request that revoked its own token is answered.
 */
export class OpenAnswers {
  readonly #open = new Map<string, Set<ServerResponse>>();
  /** When each ended, in monotonic milliseconds. */
  readonly #ended = new Map<string, number>();

  add(credentialId: string, response: ServerResponse): void {
    if (response.closed) return;
    if (this.#hasEnded(credentialId)) endSoon(response);
    const answers = this.#open.get(credentialId) ?? new Set();
    this.#open.set(credentialId, answers.add(response));
    response.once('close', () => {
      answers.delete(response);
      if (answers.size === 0 && this.#open.get(credentialId) === answers) this.#open.delete(credentialId);
    });
  }

  /** The credential stopped being valid. A token that ended never comes back under its id. */
  end(credentialId: string): void {
    const [oldest] = this.#ended.keys();
    if (this.#ended.size >= MAX_REMEMBERED_ENDS && oldest !== undefined) this.#ended.delete(oldest);
    this.#ended.set(credentialId, performance.now());
    for (const response of this.#open.get(credentialId) ?? []) {
      if (response.headersSent && !response.writableEnded) response.destroy();
      else endSoon(response);
    }
  }

  #hasEnded(credentialId: string): boolean {
    const at = this.#ended.get(credentialId);
    return at !== undefined && (!RETURNING.test(credentialId) || performance.now() - at < RETURN_MS);
  }
}

function endSoon(response: ServerResponse): void {
  setTimeout(() => response.destroy(), ENDING_GRACE_MS).unref();
}
