import type { ServerResponse } from 'node:http';

/** Milliseconds that an answer which has not begun may still take when its credential ends. */
export const ENDING_GRACE_MS = 250;
/** Ended credentials that are remembered, for requests that were proven in the moment before the end. */
export const MAX_REMEMBERED_ENDS = 1_000;

/**
 * Knows which credential each open answer belongs to, so that a stream ends with the credential that opened it and
 * not when its work is done (A4, attack 81). What has begun to flow ends at once; what has not gets a moment, in
 * which the very request that revoked its own token is answered.
 */
export class OpenAnswers {
  readonly #open = new Map<string, Set<ServerResponse>>();
  readonly #ended = new Set<string>();

  add(credentialId: string, response: ServerResponse): void {
    if (response.closed) return;
    if (this.#ended.has(credentialId)) endSoon(response);
    const answers = this.#open.get(credentialId) ?? new Set();
    this.#open.set(credentialId, answers.add(response));
    response.once('close', () => {
      answers.delete(response);
      if (answers.size === 0 && this.#open.get(credentialId) === answers) this.#open.delete(credentialId);
    });
  }

  /** The credential stopped being valid. A token that ended never comes back under its id. */
  end(credentialId: string): void {
    const [oldest] = this.#ended;
    if (this.#ended.size >= MAX_REMEMBERED_ENDS && oldest !== undefined) this.#ended.delete(oldest);
    this.#ended.add(credentialId);
    for (const response of this.#open.get(credentialId) ?? []) {
      if (response.headersSent && !response.writableEnded) response.destroy();
      else endSoon(response);
    }
  }
}

function endSoon(response: ServerResponse): void {
  setTimeout(() => response.destroy(), ENDING_GRACE_MS).unref();
}
