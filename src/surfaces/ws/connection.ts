import type { IncomingMessage } from 'node:http';
import type { RawData, WebSocket } from 'ws';
import type { ConnectGrant, PeerFacts } from '../../controls/auth/types.ts';
import { asGatehouseError, decide, GatehouseError } from '../../kernel/index.ts';
import type { Caller } from '../../operations/define.ts';
import { WS_CODES } from './codes.ts';
import { connectRefusal, cut, helloOk, parseConnect } from './connect.ts';
import type { OutgoingEvent } from './events/turns.ts';
import { type ErrorShape, errorShape, parseFrame, type RequestFrame } from './frames.ts';
import type { Method, MethodContext, Subscriptions } from './method.ts';
import type { WsParts } from './parts.ts';

const CLOSE_REVOKED = 4001;

/** One client from open to close: challenge, connect, then requests and events. */
export class Connection {
  readonly #parts: WsParts;
  readonly #socket: WebSocket;
  readonly #request: IncomingMessage;
  readonly #peer: PeerFacts;
  readonly #methods: ReadonlyMap<string, Method>;
  readonly #id: string;
  readonly #challenge: string;
  readonly #ended = new AbortController();
  readonly #held = new Map<string, OutgoingEvent[]>();
  readonly #subscriptions: Subscriptions = { sessions: false, messages: new Set() };
  #phase: 'challenged' | 'connecting' | 'ready' | 'closed' = 'challenged';
  #seq = 0;
  #inFlight = 0;
  #caller: Caller | undefined;
  #grant: ConnectGrant | undefined;
  #capabilities: ReadonlySet<string> = new Set();
  #stopCounting: () => void = () => undefined;

  constructor(
    parts: WsParts,
    socket: WebSocket,
    request: IncomingMessage,
    peer: PeerFacts,
    methods: ReadonlyMap<string, Method>,
  ) {
    this.#parts = parts;
    this.#socket = socket;
    this.#request = request;
    this.#peer = peer;
    this.#methods = methods;
    this.#id = parts.random.uuid();
    this.#challenge = parts.random.uuid();
  }

  get caller(): Caller | undefined {
    return this.#caller;
  }

  get capabilities(): ReadonlySet<string> {
    return this.#capabilities;
  }

  get credentialIds(): readonly string[] {
    const { principal, deviceId } = this.#grant ?? {};
    return [principal?.credentialId, deviceId].filter((id) => id !== undefined);
  }

  /** Speak first: the challenge, without a sequence number (protocol a.3). */
  open(onReady: () => void): void {
    this.#countBytes();
    const deadline = setTimeout(() => this.#close(1000, ''), this.#parts.limits.handshakeMs);
    const ready = () => {
      clearTimeout(deadline);
      onReady();
    };
    this.#socket.on('message', (data, isBinary) => this.#receive(data, isBinary, ready));
    this.#socket.on('error', (cause) =>
      this.#parts.logger.warn('a client broke the WebSocket protocol', {
        address: this.#peer.address,
        cause: cause.message,
      }),
    );
    this.#socket.once('close', () => {
      clearTimeout(deadline);
      this.#phase = 'closed';
      this.#ended.abort();
    });
    this.#send({
      type: 'event',
      event: 'connect.challenge',
      payload: { nonce: this.#challenge, ts: this.#parts.clock.now() },
    });
  }

  /** Events go out in order and numbered; those of a run wait until its request was answered. */
  deliver(event: OutgoingEvent): void {
    if (this.#phase !== 'ready' || !this.#wants(event)) return;
    const held = event.runId === undefined ? undefined : this.#held.get(event.runId);
    if (held !== undefined) held.push(event);
    else this.event(event.event, event.payload);
  }

  event(event: string, payload: unknown): void {
    if (this.#phase !== 'ready') return;
    this.#seq += 1;
    this.#send({ type: 'event', event, payload, seq: this.#seq });
  }

  tick(): void {
    this.event('tick', { ts: this.#parts.clock.now() });
  }

  revoke(reason: string): void {
    this.#close(CLOSE_REVOKED, reason);
    this.#socket.terminate();
  }

  shutdown(reason: string, restartExpectedMs: number | undefined): void {
    this.event('shutdown', { reason, ...(restartExpectedMs === undefined ? {} : { restartExpectedMs }) });
    this.#close(1012, 'service restart');
  }

  terminate(): void {
    this.#socket.terminate();
  }

  #wants(event: OutgoingEvent): boolean {
    const scopes = this.#caller?.principal.scopes ?? [];
    if (!scopes.some((scope) => scope === event.scope)) return false;
    if (event.capability !== undefined && !this.#capabilities.has(event.capability)) return false;
    if (event.audience === 'sessions') return this.#subscriptions.sessions;
    const subscribed = event.sessionKey !== undefined && this.#subscriptions.messages.has(event.sessionKey);
    if (event.audience === 'messages') return subscribed;
    return !this.#capabilities.has('session-scoped-events') || subscribed;
  }

  /** Counts raw bytes until the client is known, so that a stranger cannot make us hold a large frame (L5). */
  #countBytes(): void {
    const { socket } = this.#request;
    let received = 0;
    const count = (chunk: Buffer) => {
      received += chunk.length;
      if (received <= this.#parts.limits.preAuthBytes) return;
      this.#stopCounting();
      this.#recordRefusal('WS_FRAME_INVALID', 'more bytes than a connect may have');
      this.#close(1009, 'message too big');
      this.#socket.terminate();
    };
    socket.on('data', count);
    this.#stopCounting = () => socket.off('data', count);
  }

  #receive(data: RawData, isBinary: boolean, onReady: () => void): void {
    if (this.#phase === 'closed') return;
    if (isBinary) return this.#close(1008, 'binary frames are not accepted');
    const parsed = parseFrame(data.toString());
    if (this.#phase !== 'ready') {
      if (parsed.kind === 'garbage') return this.#close(1000, '');
      if (parsed.kind === 'malformed') return this.#close(1008, 'invalid request frame');
      void this.#connect(parsed.frame, onReady);
      return;
    }
    if (parsed.kind === 'request') {
      void this.#handle(parsed.frame);
      return;
    }
    if (parsed.kind === 'malformed' && parsed.id !== undefined) {
      this.#answer(parsed.id, undefined, errorShape(WS_CODES.error('WS_FRAME_INVALID'), ''));
    }
  }

  async #connect(frame: RequestFrame, onReady: () => void): Promise<void> {
    if (this.#phase === 'connecting') return this.#close(1008, 'connect is already under way');
    if (frame.method !== 'connect') {
      const error = WS_CODES.error('WS_FRAME_INVALID', 'the first request must be connect');
      return this.#refuse(frame.id, error);
    }
    this.#phase = 'connecting';
    try {
      const request = parseConnect(frame.params, this.#challenge);
      const grant = await this.#parts.auth.authenticateConnect(
        request.credentials,
        request.scopes,
        this.#peer,
      );
      this.#admit(frame.id, grant, request.capabilities);
      onReady();
    } catch (thrown) {
      this.#refuse(frame.id, asGatehouseError(thrown));
    }
  }

  #admit(id: string, grant: ConnectGrant, capabilities: ReadonlySet<string>): void {
    if (this.#phase === 'closed') return;
    this.#stopCounting();
    const parts = this.#parts;
    this.#grant = grant;
    this.#capabilities = capabilities;
    this.#caller = parts.callerOf(grant, parts.random.uuid());
    this.#phase = 'ready';
    const facts = parts.hello();
    const hello = helloOk(grant, {
      ...facts,
      connectionId: this.#id,
      now: parts.clock.now(),
      ...parts.limits,
    });
    this.#answer(id, hello);
  }

  #refuse(id: string, error: GatehouseError): void {
    const refusal = connectRefusal(error);
    this.#recordRefusal(error.code, error.message);
    this.#answer(id, undefined, refusal.error);
    this.#close(refusal.closeCode, refusal.closeReason);
  }

  #recordRefusal(code: string, message: string): void {
    this.#parts.logger.warn('a WebSocket client was refused', {
      code,
      message,
      address: this.#peer.address,
      userAgent: this.#peer.userAgent,
    });
  }

  async #handle(frame: RequestFrame): Promise<void> {
    const caller = this.#caller;
    if (caller === undefined) return;
    if (this.#inFlight >= this.#parts.limits.inFlight) {
      return this.#answer(frame.id, undefined, {
        code: 'UNAVAILABLE',
        message: 'too many requests are under way',
        retryable: true,
        retryAfterMs: 1_000,
      });
    }
    this.#inFlight += 1;
    const held: string[] = [];
    // Each request has a trace of its own, so that the ledger groups what it caused and nothing else.
    const own: Caller = { ...caller, trace: this.#parts.random.uuid() };
    try {
      const payload = await this.#perform(frame, own, (runId) => {
        held.push(runId);
        if (!this.#held.has(runId)) this.#held.set(runId, []);
      });
      this.#answer(frame.id, payload);
    } catch (thrown) {
      this.#answer(
        frame.id,
        undefined,
        errorShape(asGatehouseError(thrown), frame.method, caller.principal.scopes),
      );
    } finally {
      this.#inFlight -= 1;
      for (const runId of held) this.#release(runId);
    }
  }

  #release(runId: string): void {
    const events = this.#held.get(runId) ?? [];
    this.#held.delete(runId);
    for (const event of events) this.event(event.event, event.payload);
  }

  async #perform(frame: RequestFrame, caller: Caller, holdRun: (runId: string) => void): Promise<unknown> {
    const { dispatcher, clock } = this.#parts;
    const native = frame.method.startsWith('gatehouse.')
      ? frame.method.slice('gatehouse.'.length)
      : undefined;
    const call = async (operation: string, input: unknown) =>
      (await dispatcher.call(operation, caller, input, { signal: this.#ended.signal })) as Record<
        string,
        unknown
      >;
    if (native !== undefined) return call(native, frame.params);
    const method = this.#methods.get(frame.method);
    if (method === undefined) throw unknownMethod(frame.method, caller);
    if (method.scope !== undefined) requireScope(caller, method, clock.now());
    const context: MethodContext = {
      caller,
      dispatcher,
      call,
      holdRun,
      capabilities: this.#capabilities,
      subscriptions: this.#subscriptions,
      deviceId: this.#grant?.deviceId,
      now: () => clock.now(),
      signal: this.#ended.signal,
      answerAgain: (payload, error) => this.#answer(frame.id, payload, error),
    };
    return method.handle(context, frame.params);
  }

  #answer(id: string, payload: unknown, error?: ErrorShape): void {
    if (error === undefined) this.#send({ type: 'res', id, ok: true, payload });
    else this.#send({ type: 'res', id, ok: false, ...(payload === undefined ? {} : { payload }), error });
  }

  #send(frame: unknown): void {
    if (this.#socket.readyState !== this.#socket.OPEN) return;
    if (this.#socket.bufferedAmount > this.#parts.limits.bufferedBytes) {
      this.#recordRefusal('WS_SLOW_READER', 'the client reads too slowly');
      this.#socket.terminate();
      return;
    }
    this.#socket.send(JSON.stringify(frame));
  }

  #close(code: number, reason: string): void {
    if (this.#phase === 'closed') return;
    this.#phase = 'closed';
    this.#ended.abort();
    this.#socket.close(code, cut(reason));
  }
}

/** Whoever may not administer learns nothing about which methods exist (protocol a.10). */
function unknownMethod(method: string, caller: Caller): GatehouseError {
  if (caller.principal.scopes.includes('operator.admin') || caller.surface !== 'ws') {
    return WS_CODES.error('WS_METHOD_UNKNOWN', `unknown method: ${method}`);
  }
  return missingScope('operator.admin');
}

function missingScope(scope: string): GatehouseError {
  return new GatehouseError('AUTH_SCOPE_MISSING', `missing scope: ${scope}`, {
    status: 403,
    fix: `Connect with a token that has the scope ${scope}.`,
    details: { missingScope: scope },
  });
}

function requireScope(caller: Caller, method: Method, now: number): void {
  const scope = method.scope ?? 'operator.admin';
  const action = { kind: 'operation.call', operation: method.name, scope } as const;
  if (decide(caller.authority, caller.subject, action, now).effect !== 'allow') throw missingScope(scope);
}
