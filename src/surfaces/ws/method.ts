import type { Caller, Dispatcher } from '../../operations/define.ts';
import type { OutgoingEvent } from './events/outgoing.ts';
import type { ErrorShape } from './frames.ts';

/** What a method may use of its connection. Methods translate; every effect goes through the dispatcher. */
export interface MethodContext {
  readonly caller: Caller;
  readonly dispatcher: Dispatcher;
  readonly capabilities: ReadonlySet<string>;
  readonly subscriptions: Subscriptions;
  readonly now: () => number;
  /** Ends with the connection. */
  readonly signal: AbortSignal;
  call(operation: string, input: unknown): Promise<Record<string, unknown>>;
  /** A second answer to the same request id (protocol b.3 `agent`). */
  answerAgain(payload: unknown, error?: ErrorShape): void;
  /** Keep events of a run back until the response to this request was sent: the response comes first. */
  holdRun(runId: string): void;
  /** Tell this caller's other connections and its own what changed, after the response. */
  announce(event: OutgoingEvent): void;
}

/** What this connection wants to hear about; lasts as long as the socket. */
export interface Subscriptions {
  sessions: boolean;
  readonly messages: Set<string>;
}

export interface Method {
  readonly name: string;
  /** For answers that no operation gives: the scope that the caller must hold. */
  readonly scope?: string;
  handle(context: MethodContext, params: Readonly<Record<string, unknown>>): Promise<unknown>;
}
