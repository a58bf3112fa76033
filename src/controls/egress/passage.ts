import { type Authority, type Decision, GatehouseError, type Subject } from '../../kernel/index.ts';
import { EGRESS_CODES } from './codes.ts';
import type { CompiledEgressRule, EgressTable } from './rules.ts';
import type { ResolvedAddress, Target } from './types.ts';

/** How a destination was asked for. */
export type Via = 'connect' | 'http' | 'tunnel-http' | 'intercepted' | 'provider' | 'telemetry' | 'check';

/** Everything egress needs to decide for one agent; replaced as a whole on reload. */
export interface EgressPolicy {
  /** Its `net.connect` rules come from `compileEgressRules` of the specs that `table` indexes. */
  readonly authority: Authority;
  readonly table: EgressTable;
  /** What the install's own rules say about requests; a request has to pass both. */
  readonly bounds?: EgressTable;
}

/** A destination that may be dialled, at exactly these addresses. */
export interface Passage {
  readonly subject: Subject;
  readonly target: Target;
  readonly decision: Decision;
  readonly rule: CompiledEgressRule | undefined;
  /** Some rule judges requests, so TLS ends in egress and nothing passes unseen. */
  readonly intercepted: boolean;
  /** Of a drill: it goes as far as this and is never dialled. */
  readonly rehearsal?: true;
  /** The grant without which it would have been refused. */
  readonly grant?: string;
  /** The whole checked answer; nothing else is ever dialled for this passage (attacks 15, 16, 20). */
  readonly addresses: readonly ResolvedAddress[];
}

export interface Ending {
  readonly address?: string;
  readonly sent: number;
  readonly received: number;
  readonly code?: string;
}

/** An admitted connection until it ends. */
export interface Handle {
  readonly passage: Passage;
  /** Fires with the refusal when the rule ends, the time is up or the run is closed. */
  readonly signal: AbortSignal;
  finish(ending: Ending): void;
}

/** The refusal an aborted handle carries. */
export function reasonOf(signal: AbortSignal): GatehouseError {
  return signal.reason instanceof GatehouseError ? signal.reason : EGRESS_CODES.error('EGRESS_RULE_ENDED');
}
