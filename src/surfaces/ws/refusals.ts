import type { PeerFacts } from '../../controls/auth/types.ts';
import type { Caller } from '../../operations/define.ts';
import type { WsParts } from './parts.ts';

/**
 * Refusals that neither a login nor an operation sees, for one connection. Each kind counts once per connection, and
 * connections that repeat each other are counted together, so that nobody floods the ledger (attack 94).
 */
export class Refusals {
  readonly #parts: Pick<WsParts, 'auth' | 'denials' | 'logger'>;
  readonly #peer: PeerFacts;
  readonly #seen = new Set<string>();

  constructor(parts: Pick<WsParts, 'auth' | 'denials' | 'logger'>, peer: PeerFacts) {
    this.#parts = parts;
    this.#peer = peer;
  }

  /** `method` is a name of ours, never text of the client's. */
  record(code: string, caller: Caller | undefined, method?: string): void {
    const key = `${code} ${method ?? ''}`;
    if (this.#seen.has(key)) return;
    this.#seen.add(key);
    if (caller === undefined) this.#parts.auth.recordRefusal(code, this.#peer);
    else this.#recordOf(caller, code, method);
  }

  #recordOf(caller: Caller, code: string, method: string | undefined): void {
    const { denials, logger } = this.#parts;
    const { subject, trace, authority, principal } = caller;
    const facts = { surface: 'ws', address: this.#peer.address, credential: principal.credentialId };
    denials
      .record({
        type: 'decision',
        action: method === undefined ? 'connection.frame' : 'operation.call',
        outcome: 'deny',
        code,
        subject,
        trace,
        authorityHash: authority.hash,
        data: method === undefined ? facts : { ...facts, operation: method },
      })
      .catch((cause: unknown) =>
        logger.error('a refused WebSocket frame could not be recorded', { code, cause: String(cause) }),
      );
  }
}
