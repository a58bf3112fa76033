import type { ClientRequestArgs } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { asGatehouseError, type Subject } from '../../kernel/index.ts';
import { dial } from './dial.ts';
import type { Gate } from './gate.ts';
import { Agent } from './node-http.ts';
import type { EgressPolicy } from './passage.ts';
import type { Target } from './types.ts';
import { secureUpstream } from './upstream-tls.ts';

/** Connections to one provider at once, and how many of them stay open when idle. */
const MAX_PROVIDER_SOCKETS = 64;
const MAX_IDLE_SOCKETS = 8;
/** Milliseconds after which an idle connection is closed; shorter than what providers' load balancers allow. */
const IDLE_SOCKET_MS = 30_000;

/** Who dials on behalf of the pool; the calls themselves are attributed one by one. */
const POOL_SUBJECT: Subject = { principal: 'gateway' };

export interface PoolParts {
  readonly gate: Gate;
  readonly policyOf: () => EgressPolicy | undefined;
  /** Further certificate authorities in PEM; the public ones always count. */
  readonly ca?: string;
}

/**
 * Keep-alive connections to one provider. Each new one is decided, resolved, checked and pinned anew; the
 * pool belongs to the gateway's own calls and is never shared with a run (attack 47).
 */
export class ProviderAgent extends Agent {
  readonly #parts: PoolParts;
  readonly #target: Target;
  readonly #tls: boolean;
  readonly #ca: { readonly ca?: string };

  constructor(parts: PoolParts, target: Target, tls: boolean) {
    super({
      keepAlive: true,
      maxSockets: MAX_PROVIDER_SOCKETS,
      maxFreeSockets: MAX_IDLE_SOCKETS,
      timeout: IDLE_SOCKET_MS,
    });
    this.#parts = parts;
    this.#target = target;
    this.#tls = tls;
    this.#ca = parts.ca === undefined ? {} : { ca: parts.ca };
  }

  override createConnection(
    _options: ClientRequestArgs,
    callback?: (error: Error | null, stream: Duplex) => void,
  ): undefined {
    void this.#deliver(callback as ((error: Error | null, stream?: Duplex) => void) | undefined);
    return undefined;
  }

  async #deliver(callback: ((error: Error | null, stream?: Duplex) => void) | undefined): Promise<void> {
    let socket: Socket;
    try {
      socket = await this.#connect();
    } catch (thrown) {
      callback?.(asGatehouseError(thrown));
      return;
    }
    callback?.(null, socket);
  }

  async #connect(): Promise<Socket> {
    const { gate, policyOf } = this.#parts;
    const target = this.#target;
    const { decision, rule } = gate.decide(policyOf(), POOL_SUBJECT, target, 'provider');
    const addresses = await gate.resolve(target, decision, rule);
    const passage = { subject: POOL_SUBJECT, target, decision, rule, addresses, intercepted: false };
    const { connectMs: timeoutMs } = gate.limits;
    const socket = await dial(passage, timeoutMs);
    return this.#tls ? secureUpstream(socket, target, decision, { timeoutMs, ...this.#ca }) : socket;
  }
}
