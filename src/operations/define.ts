import type { Static, TSchema } from 'typebox';
import type { Principal, Scope } from '../controls/auth/types.ts';
import type { Authority, Subject } from '../kernel/index.ts';
import type { Services } from './services.ts';

/** What an operation may return: services hand out read-only values, and nobody may change them on the way. */
type DeepReadonly<T> = T extends readonly (infer Item)[]
  ? readonly DeepReadonly<Item>[]
  : T extends object
    ? { readonly [Key in keyof T]: DeepReadonly<T[Key]> }
    : T;

/** Who calls, as the surface's transport proved it, and what that principal may do. */
export interface Caller {
  readonly principal: Principal;
  readonly subject: Subject;
  readonly authority: Authority;
  readonly surface: 'cli' | 'socket' | 'ws' | 'http' | 'chat';
  /** Session space of this principal, see SessionRow. */
  readonly space: string;
  readonly trace: string;
}

export interface OperationContext<Event = never> {
  readonly caller: Caller;
  readonly services: Services;
  readonly signal: AbortSignal;
  /** For operations with `stream`: hand the next event to the caller. */
  emit(event: Event): void;
}

type OperationEffect =
  /** Looks, changes nothing. */
  | 'read'
  /** Changes Gatehouse's own state; recorded before and after. */
  | 'change'
  /** Causes something outside or that cannot be undone; its record is durable before it starts. */
  | 'high-impact';

interface CliShape {
  /** Words after `gatehouse`, e.g. `token issue`. */
  readonly command: string;
  /** Input keys given by position, in order; the rest become options. */
  readonly positional?: readonly string[];
  /** The last positional is a shell line: several words, as after `--`, become one, each quoted where it must be. */
  readonly line?: boolean;
  /** Other spellings, e.g. `config:validate`. */
  readonly aliases?: readonly string[];
  readonly examples: readonly string[];
  /** May run without a gateway, directly on the home. */
  readonly offline: boolean;
  /** Input keys whose value the CLI reads from a file or from stdin (`-`): option name → input key. */
  readonly files?: Readonly<Record<string, string>>;
}

export interface OperationSpec<Input extends TSchema, Output extends TSchema, Event extends TSchema> {
  /** Dotted noun.verb; also the HTTP route /api/v1/<id> and the WebSocket method gatehouse.<id>. */
  readonly id: string;
  readonly summary: string;
  readonly description?: string;
  readonly input: Input;
  readonly output: Output;
  readonly stream?: Event;
  /** Scope the caller must hold; there is no operation without one. */
  readonly scope: Scope;
  readonly effect: OperationEffect;
  /**
   * The service behind it makes a durable record of its own, with the run's id, before anything happens; the
   * dispatcher then adds none, so that a turn does not wait for the same fact to reach the disk twice.
   */
  readonly selfRecorded?: boolean;
  /** Codes it can fail with beyond the dispatcher's own. */
  readonly errors: readonly string[];
  readonly cli: CliShape;
  run(context: OperationContext<Static<Event>>, input: Static<Input>): Promise<DeepReadonly<Static<Output>>>;
}

export type Operation = Omit<OperationSpec<TSchema, TSchema, TSchema>, 'run'> & {
  run(context: OperationContext<unknown>, input: unknown): Promise<unknown>;
};

/** State everything anyone can ask of Gatehouse in one value, from which every surface is generated. */
export function defineOperation<
  Input extends TSchema,
  Output extends TSchema,
  Event extends TSchema = TSchema,
>(spec: OperationSpec<Input, Output, Event>): Operation {
  return Object.freeze(spec) as unknown as Operation;
}

export interface CallOptions {
  readonly signal?: AbortSignal;
  readonly emit?: (event: unknown) => void;
}

/** The one way in: authenticate (the surface did) → parse → decide → record → run → check output. */
export interface Dispatcher {
  readonly operations: readonly Operation[];
  call(id: string, caller: Caller, input: unknown, options?: CallOptions): Promise<unknown>;
}
