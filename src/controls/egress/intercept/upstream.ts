import type { ClientRequestArgs } from 'node:http';
import type { Duplex } from 'node:stream';
import { asGatehouseError } from '../../../kernel/index.ts';
import { dial } from '../dial.ts';
import { Agent } from '../node-http.ts';
import type { Passage } from '../passage.ts';
import { secureUpstream, type UpstreamTls } from '../upstream-tls.ts';

/**
 * The upstream side of one tunnel: one connection at a time, dialled only at the addresses that were checked when
 * the tunnel was admitted, and gone with it. Nothing is shared with another tunnel (attacks 28, 47).
 */
export class TunnelAgent extends Agent {
  readonly #passage: Passage;
  readonly #tls: UpstreamTls;

  constructor(passage: Passage, tls: UpstreamTls, idleMs: number) {
    super({ keepAlive: true, maxSockets: 1, maxFreeSockets: 1, timeout: idleMs });
    this.#passage = passage;
    this.#tls = tls;
  }

  override createConnection(
    _options: ClientRequestArgs,
    callback?: (error: Error | null, stream: Duplex) => void,
  ): undefined {
    const deliver = callback as ((error: Error | null, stream?: Duplex) => void) | undefined;
    this.#connect().then(
      (socket) => deliver?.(null, socket),
      (thrown: unknown) => deliver?.(asGatehouseError(thrown)),
    );
    return undefined;
  }

  async #connect(): Promise<Duplex> {
    const { target, decision } = this.#passage;
    const socket = await dial(this.#passage, this.#tls.timeoutMs);
    return secureUpstream(socket, target, decision, this.#tls);
  }
}
