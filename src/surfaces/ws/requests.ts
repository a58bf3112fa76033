import { LISTEN_CODES } from '../../controls/listen/index.ts';
import { asGatehouseError, decide, GatehouseError } from '../../kernel/index.ts';
import type { Caller } from '../../operations/define.ts';
import { WS_CODES } from './codes.ts';
import type { OutgoingEvent } from './events/outgoing.ts';
import { type ErrorShape, errorShape, type RequestFrame } from './frames.ts';
import type { Method, MethodContext, Subscriptions } from './method.ts';
import type { WsParts } from './parts.ts';
import type { Refusals } from './refusals.ts';

const NATIVE_PREFIX = 'gatehouse.';

/** What requests need of the connection they came through. */
export interface RequestHost {
  readonly caller: Caller;
  readonly capabilities: ReadonlySet<string>;
  readonly subscriptions: Subscriptions;
  /** Aborts when the connection ends. */
  signal(): AbortSignal;
  readonly refusals: Refusals;
  answer(id: string, payload: unknown, error?: ErrorShape): void;
  event(event: string, payload: unknown): void;
  /** Read nothing for a moment. */
  pause(): void;
  /** To every connection of this caller's space. */
  broadcast(event: OutgoingEvent): void;
}

/** Requests of one connection that is past hello: finds the method, answers, and keeps the order of its events. */
export class Requests {
  readonly #parts: WsParts;
  readonly #methods: ReadonlyMap<string, Method>;
  readonly #host: RequestHost;
  readonly #held = new Map<string, OutgoingEvent[]>();
  #underWay = 0;
  /** Refusals for the rate, less what was let through since. */
  #flood = 0;

  constructor(parts: WsParts, methods: ReadonlyMap<string, Method>, host: RequestHost) {
    this.#parts = parts;
    this.#methods = methods;
    this.#host = host;
  }

  /** Events of a run wait until the request that started it was answered. */
  hold(event: OutgoingEvent): boolean {
    const held = event.runId === undefined ? undefined : this.#held.get(event.runId);
    held?.push(event);
    return held !== undefined;
  }

  async handle(frame: RequestFrame): Promise<void> {
    const host = this.#host;
    if (this.#underWay >= this.#parts.limits.inFlight) {
      const error = WS_CODES.error('WS_TOO_MANY_REQUESTS', undefined, { details: { retryAfterMs: 1_000 } });
      host.refusals.record(error.code, host.caller);
      return host.answer(frame.id, undefined, errorShape(error, frame.method));
    }
    const waitMs = this.#parts.rate?.(host.caller.principal.id) ?? 0;
    if (waitMs > 0) {
      const error = LISTEN_CODES.error('LISTEN_RATE_LIMITED', undefined, {
        details: { retryAfterMs: waitMs },
      });
      host.refusals.record(error.code, host.caller);
      host.answer(frame.id, undefined, errorShape(error, frame.method));
      this.#flood += 1;
      if (this.#flood < this.#parts.limits.floodRefusals) return;
      this.#flood = 0;
      return host.pause();
    }
    this.#flood = Math.max(0, this.#flood - 1);
    this.#underWay += 1;
    const heldRuns: string[] = [];
    const announcements: OutgoingEvent[] = [];
    // Each request has a trace of its own, so that the ledger groups what it caused and nothing else.
    const caller: Caller = { ...host.caller, trace: this.#parts.random.uuid() };
    try {
      const context = this.#contextOf(frame, caller, heldRuns, announcements);
      host.answer(frame.id, await this.#perform(frame, context));
    } catch (thrown) {
      host.answer(frame.id, undefined, errorShape(asGatehouseError(thrown), frame.method));
    } finally {
      this.#underWay -= 1;
      for (const runId of heldRuns) this.#release(runId);
      for (const event of announcements) host.broadcast(event);
    }
  }

  #release(runId: string): void {
    const events = this.#held.get(runId) ?? [];
    this.#held.delete(runId);
    for (const { event, payload } of events) this.#host.event(event, payload);
  }

  #contextOf(
    frame: RequestFrame,
    caller: Caller,
    heldRuns: string[],
    announcements: OutgoingEvent[],
  ): MethodContext {
    const { dispatcher, clock } = this.#parts;
    const { capabilities, subscriptions, answer } = this.#host;
    const signal = this.#host.signal();
    return {
      caller,
      dispatcher,
      capabilities,
      subscriptions,
      signal,
      now: () => clock.now(),
      call: async (operation, input) =>
        (await dispatcher.call(operation, caller, input, { signal })) as Record<string, unknown>,
      holdRun: (runId) => {
        heldRuns.push(runId);
        if (!this.#held.has(runId)) this.#held.set(runId, []);
      },
      announce: (event) => void announcements.push(event),
      answerAgain: (payload, error) => answer(frame.id, payload, error),
    };
  }

  async #perform(frame: RequestFrame, context: MethodContext): Promise<unknown> {
    const { caller } = context;
    const { refusals } = this.#host;
    if (frame.method.startsWith(NATIVE_PREFIX)) {
      return context.call(frame.method.slice(NATIVE_PREFIX.length), frame.params);
    }
    if (frame.method === 'connect') {
      refusals.record('WS_CONNECT_REPEATED', caller);
      throw WS_CODES.error('WS_CONNECT_REPEATED');
    }
    const method = this.#methods.get(frame.method);
    if (method === undefined) {
      refusals.record('WS_METHOD_UNKNOWN', caller);
      this.#parts.logger.info('a client asked for a method that does not exist', { method: frame.method });
      throw unknownMethod(frame.method, caller);
    }
    if (method.scope !== undefined && !holds(caller, method.name, method.scope, context.now())) {
      refusals.record('AUTH_SCOPE_MISSING', caller, method.name);
      throw missingScope(method.scope);
    }
    return method.handle(context, frame.params);
  }
}

/** Whoever may not administer learns nothing about which methods exist (protocol a.10). */
function unknownMethod(method: string, caller: Caller): GatehouseError {
  if (caller.principal.scopes.includes('operator.admin')) {
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

function holds(caller: Caller, method: string, scope: string, now: number): boolean {
  const action = { kind: 'operation.call', operation: method, scope } as const;
  return decide(caller.authority, caller.subject, action, now).effect === 'allow';
}
