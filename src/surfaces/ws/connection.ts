import type { Socket } from 'node:net';
import type { RawData, WebSocket } from 'ws';
import type { ConnectGrant, PeerFacts } from '../../controls/auth/types.ts';
import { LISTEN_CODES } from '../../controls/listen/index.ts';
import { asGatehouseError, type GatehouseError } from '../../kernel/index.ts';
import type { Caller } from '../../operations/define.ts';
import { WS_CODES } from './codes.ts';
import { connectRefusal, cut, helloOk, parseConnect } from './connect.ts';
import type { OutgoingEvent } from './events/outgoing.ts';
import { Flow, type FlowTrouble } from './flow.ts';
import { type ErrorShape, errorShape, parseFrame, type RequestFrame } from './frames.ts';
import type { Method, Subscriptions } from './method.ts';
import type { WsParts } from './parts.ts';
import { boundPreAuthBytes } from './pre-auth-bytes.ts';
import { Refusals } from './refusals.ts';
import { Requests } from './requests.ts';

const CLOSE_REVOKED = 4001;
/** What `ws` says of a frame beyond `maxPayload`. */
const OVERSIZE = 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH';

/** Where a connection belongs: its peer, and what all connections share. */
export interface ConnectionPlace {
  /** The request that was upgraded is not kept: it is larger than everything else of an idle connection. */
  readonly socket: Socket;
  readonly peer: PeerFacts;
  readonly session?: string | undefined;
  readonly methods: ReadonlyMap<string, Method>;
  broadcast(space: string, event: OutgoingEvent): void;
  /** Bytes that wait for all clients together. */
  buffered(): number;
}

const NOTHING = (): void => undefined;

/** Takes the place of a known client for this principal; false when it holds as many as it may. */
type Place = (principal: string) => boolean;

/** One client from open to close: challenge, connect, then requests and events. */
export class Connection {
  readonly #parts: WsParts;
  readonly #socket: WebSocket;
  readonly #place: ConnectionPlace;
  readonly #refusals: Refusals;
  readonly #id: string;
  readonly #challenge: string;
  #ended: AbortController | undefined;
  #takePlace: Place | undefined;
  #deadline: NodeJS.Timeout | undefined;
  readonly #subscriptions: Subscriptions = { sessions: false, messages: new Set() };
  readonly #revoked = new Map<string, string>();
  #phase: 'challenged' | 'connecting' | 'ready' | 'closed' = 'challenged';
  #seq = 0;
  #caller: Caller | undefined;
  #grant: ConnectGrant | undefined;
  #requests: Requests | undefined;
  #capabilities: ReadonlySet<string> = new Set();
  #stopCounting: () => void = NOTHING;
  readonly #flow: Flow;

  constructor(parts: WsParts, socket: WebSocket, place: ConnectionPlace) {
    this.#parts = parts;
    this.#socket = socket;
    this.#place = place;
    this.#refusals = new Refusals(parts, place.peer);
    this.#id = parts.random.uuid();
    this.#challenge = parts.random.uuid();
    this.#flow = new Flow({
      socket,
      raw: place.socket,
      limits: parts.limits,
      receiving: parts.receiving,
      bufferedTotal: place.buffered,
      rate: () => this.#rate(),
      onTrouble: (trouble) => this.#cutOff(trouble),
    });
  }

  /** Undefined until somebody proved who they are. */
  get caller(): Caller | undefined {
    return this.#phase === 'ready' ? this.#caller : undefined;
  }

  get capabilities(): ReadonlySet<string> {
    return this.#capabilities;
  }

  /** Bytes that wait for this client. */
  get buffered(): number {
    return this.#socket.bufferedAmount;
  }

  /** Somebody else needs the place, and this one has waited longest without a login. */
  crowdOut(): void {
    this.#reject('WS_TOO_MANY_CONNECTIONS', 1013);
  }

  /** Speak first: the challenge, without a sequence number (protocol a.3). */
  open(place: Place): void {
    const { limits, clock } = this.#parts;
    this.#takePlace = place;
    this.#stopCounting = boundPreAuthBytes(this.#place.socket, limits.preAuthBytes, () =>
      this.#reject('WS_FRAME_TOO_LARGE', 1009),
    );
    this.#deadline = setTimeout(() => this.#reject('WS_HANDSHAKE_TIMEOUT', 1000, ''), limits.handshakeMs);
    this.#socket.on('message', (data, isBinary) => this.#receive(data, isBinary));
    this.#socket.on('error', (cause: Error & { readonly code?: string }) => {
      const code = cause.code === OVERSIZE ? 'WS_FRAME_TOO_LARGE' : 'WS_PROTOCOL_BROKEN';
      this.#refusals.record(code, this.#caller);
    });
    this.#socket.once('close', () => this.#end());
    const payload = { nonce: this.#challenge, ts: clock.now() };
    this.#send({ type: 'event', event: 'connect.challenge', payload });
  }

  /** An event of the turns or of another connection, if this one wants it. */
  deliver(event: OutgoingEvent): void {
    if (this.#phase !== 'ready' || !this.#wants(event)) return;
    if (this.#requests?.hold(event) !== true) this.event(event.event, event.payload);
  }

  /** Events go out numbered from 1 and without holes. */
  event(event: string, payload: unknown): void {
    if (this.#phase !== 'ready') return;
    this.#seq += 1;
    this.#send({ type: 'event', event, payload, seq: this.#seq });
  }

  tick(): void {
    this.#flow.tick();
    this.event('tick', { ts: this.#parts.clock.now() });
  }

  /** A credential stopped being valid, maybe while it was just being used to get in. */
  revoke(credentialId: string, reason: string): void {
    if (this.#phase === 'connecting') this.#revoked.set(credentialId, reason);
    if (this.#phase === 'ready' && credentialsOf(this.#grant).includes(credentialId)) {
      this.#close(CLOSE_REVOKED, reason);
    }
  }

  shutdown(reason: string, restartExpectedMs: number | undefined): void {
    this.event('shutdown', { reason, ...(restartExpectedMs === undefined ? {} : { restartExpectedMs }) });
    this.#close(1012, 'service restart');
  }

  #wants(event: OutgoingEvent): boolean {
    const scopes: readonly string[] = this.#caller?.principal.scopes ?? [];
    if (!scopes.includes(event.scope)) return false;
    if (event.capability !== undefined && !this.#capabilities.has(event.capability)) return false;
    if (event.audience === 'sessions') return this.#subscriptions.sessions;
    const subscribed = event.sessionKey !== undefined && this.#subscriptions.messages.has(event.sessionKey);
    if (event.audience === 'messages') return subscribed;
    const isScoped = event.sessionKey !== undefined && this.#capabilities.has('session-scoped-events');
    return !isScoped || subscribed;
  }

  #stopWaiting(): void {
    clearTimeout(this.#deadline);
    this.#stopCounting();
    this.#deadline = undefined;
    this.#takePlace = undefined;
    this.#stopCounting = NOTHING;
  }

  /** Aborts when the connection ends; made for the first request, because most connections wait for events. */
  #signal(): AbortSignal {
    this.#ended ??= new AbortController();
    if (this.#phase === 'closed') this.#ended.abort();
    return this.#ended.signal;
  }

  #rate(): number {
    const id = this.#grant?.principal.id;
    return id === undefined ? 0 : (this.#parts.rate?.(id) ?? 0);
  }

  #receive(data: RawData, isBinary: boolean): void {
    this.#flow.message();
    if (this.#phase === 'closed') return;
    if (isBinary) return this.#reject('WS_FRAME_BINARY', 1008);
    const text = data.toString();
    if (this.#phase === 'ready') return this.#receiveRequest(text);
    if (Buffer.byteLength(text) > this.#parts.limits.preAuthBytes) {
      return this.#reject('WS_FRAME_TOO_LARGE', 1009);
    }
    const parsed = parseFrame(text);
    // An empty reason with 1000 is what clients take for a passing trouble (protocol a.9).
    if (parsed.kind === 'garbage') return this.#reject('WS_FRAME_NOT_JSON', 1000, '');
    if (parsed.kind === 'malformed') return this.#reject('WS_FRAME_INVALID', 1008);
    if (this.#phase === 'connecting') return this.#reject('WS_CONNECT_REPEATED', 1008);
    void this.#connect(parsed.frame);
  }

  #receiveRequest(text: string): void {
    const parsed = parseFrame(text);
    const principal = this.#grant?.principal;
    if (principal?.kind === 'browser') this.#parts.auth.browser?.touch(principal.credentialId);
    if (parsed.kind === 'request') {
      void this.#requests?.handle(parsed.frame);
      return;
    }
    const error = WS_CODES.error('WS_FRAME_INVALID');
    this.#refusals.record(error.code, this.#caller);
    const id = parsed.kind === 'malformed' ? parsed.id : undefined;
    if (id !== undefined) this.#answer(id, undefined, errorShape(error, ''));
    // What is no request takes from the rate of requests; past it there is nothing to answer.
    if (this.#rate() > 0) this.#reject('WS_FRAME_INVALID', 1008);
  }

  async #connect(frame: RequestFrame): Promise<void> {
    if (frame.method !== 'connect') {
      return this.#refuse(frame.id, WS_CODES.error('WS_CONNECT_FIRST'), 'ours');
    }
    this.#phase = 'connecting';
    let request: ReturnType<typeof parseConnect>;
    try {
      request = parseConnect(frame.params, this.#challenge);
    } catch (thrown) {
      return this.#refuse(frame.id, asGatehouseError(thrown), 'ours');
    }
    try {
      const { scopes, capabilities } = request;
      const { session } = this.#place;
      const credentials = session === undefined ? request.credentials : { ...request.credentials, session };
      const grant = await this.#parts.auth.authenticateConnect(credentials, scopes, this.#place.peer);
      if (this.#phase === 'connecting') this.#admit(frame.id, grant, capabilities);
    } catch (thrown) {
      this.#refuse(frame.id, asGatehouseError(thrown), 'recorded');
    }
  }

  /** Hello, unless the credential was lost while it was being checked or has too many connections. */
  #admit(id: string, grant: ConnectGrant, capabilities: ReadonlySet<string>): void {
    const revoked = credentialsOf(grant).find((credential) => this.#revoked.has(credential));
    if (revoked !== undefined) {
      this.#close(CLOSE_REVOKED, this.#revoked.get(revoked) ?? 'revoked');
      return;
    }
    if (this.#takePlace?.(grant.principal.id) !== true) {
      return this.#refuse(id, LISTEN_CODES.error('LISTEN_TOO_MANY_CONNECTIONS'), 'ours');
    }
    this.#stopWaiting();
    this.#flow.start(grant.principal.id);
    const parts = this.#parts;
    const caller = parts.callerOf(grant, parts.random.uuid(), this.#place.peer.published === true);
    this.#grant = grant;
    this.#caller = caller;
    this.#capabilities = capabilities;
    this.#requests = this.#requestsOf(caller);
    this.#phase = 'ready';
    const facts = { ...parts.hello(), connectionId: this.#id, now: parts.clock.now(), ...parts.limits };
    this.#answer(id, helloOk(grant, facts));
  }

  #requestsOf(caller: Caller): Requests {
    return new Requests(this.#parts, this.#place.methods, {
      caller,
      capabilities: this.#capabilities,
      subscriptions: this.#subscriptions,
      signal: () => this.#signal(),
      refusals: this.#refusals,
      answer: (id, payload, error) => this.#answer(id, payload, error),
      event: (event, payload) => this.event(event, payload),
      pause: () => this.#pause(),
      broadcast: (event) => this.#place.broadcast(caller.space, event),
    });
  }

  /** Answer a connect with its error, then close. Authentication records its own refusals. */
  #refuse(id: string, error: GatehouseError, by: 'ours' | 'recorded'): void {
    if (by === 'ours') this.#refusals.record(error.code, undefined);
    const refusal = connectRefusal(error);
    this.#answer(id, undefined, refusal.error);
    this.#close(refusal.closeCode, refusal.closeReason);
  }

  /** Close without an answer. */
  #reject(code: Parameters<typeof WS_CODES.error>[0], closeCode: number, reason?: string): void {
    if (this.#phase === 'closed') return;
    this.#refusals.record(code, this.#caller);
    this.#close(closeCode, reason ?? WS_CODES.error(code).message);
  }

  #answer(id: string, payload: unknown, error?: ErrorShape): void {
    if (error === undefined) this.#send({ type: 'res', id, ok: true, payload });
    else this.#send({ type: 'res', id, ok: false, ...(payload === undefined ? {} : { payload }), error });
  }

  #send(frame: unknown): void {
    if (this.#socket.readyState !== this.#socket.OPEN) return;
    if (this.#flow.maySend()) this.#socket.send(JSON.stringify(frame));
  }

  /** A peer that does not read or write would not take a close frame either. */
  #cutOff(trouble: FlowTrouble): void {
    if (this.#phase === 'closed') return;
    this.#refusals.record(trouble, this.#caller);
    this.#end();
    this.#socket.terminate();
  }

  /** Leave what a flood sends in the buffers of the system for a moment, so that others are served meanwhile. */
  #pause(): void {
    this.#socket.pause();
    setTimeout(() => this.#socket.resume(), this.#parts.limits.pauseMs).unref();
  }

  #close(code: number, reason: string): void {
    if (this.#phase === 'closed') return;
    this.#end();
    this.#socket.close(code, cut(reason));
    // A peer that never answers the close keeps neither its socket nor its place in a count.
    setTimeout(() => this.#socket.terminate(), this.#parts.limits.closeMs).unref();
  }

  #end(): void {
    this.#phase = 'closed';
    this.#stopWaiting();
    this.#flow.end();
    this.#ended?.abort();
  }
}

function credentialsOf(grant: ConnectGrant | undefined): readonly string[] {
  const { principal, deviceId } = grant ?? {};
  return [principal?.credentialId, principal?.id, deviceId].filter((id) => id !== undefined);
}
