/**
 * What makes one attempt tell-tale: records and alerts that it causes carry the address or the id, and nothing else
 * does, so that "detected" never means "something happened at the same time".
 */
export interface DrillMark {
  /** `d` and ten hex digits; goes into names, traces and the user agent. */
  readonly id: string;
  /**
   * Source address of the attempt: one of 127.0.0.0/8 that is lent to this mark alone, so that what it provokes is
   * counted apart from everybody else on this machine and locks nobody out.
   */
  readonly address: string;
  readonly userAgent: string;
}

/** A listener of the live install, as the gateway declared it. */
export interface DrillTarget {
  /** `users`, `admin`, `metrics` or `webhooks`. */
  readonly plane: string;
  readonly address: string;
  readonly port: number;
  /** Others than this machine can reach it. */
  readonly exposed: boolean;
  /** `mutual`: only with a client certificate. */
  readonly transport: 'plain' | 'tls' | 'mutual';
}

/** One request, sent as it is written here. */
export interface DrillRequest {
  readonly method?: string;
  readonly path?: string;
  /** In this order and spelling, repeats included; Host and User-Agent are added unless they are here. */
  readonly headers?: readonly (readonly [name: string, value: string])[];
  readonly body?: string;
}

/** What a stranger on the network sees of one answer. */
export interface DrillAnswer {
  /** HTTP status; 0 when the connection ended without an answer. */
  readonly status: number;
  /** Code in the body's error; empty without one. */
  readonly code: string;
  readonly body: string;
}

/** A WebSocket that the prober holds open. */
export interface DrillSocket {
  /** Whether the upgrade was answered with 101; otherwise `answer` says what came instead. */
  readonly upgraded: boolean;
  readonly answer: DrillAnswer;
  send(text: string): void;
  /** The next text frame, or undefined when it is closed or nothing comes in time. */
  next(): Promise<string | undefined>;
  /** Close code once it has ended, or undefined when it is still open after `ms` milliseconds. */
  ended(ms: number): Promise<number | undefined>;
  close(): void;
}

/** What an operation answered; a refusal is an answer, not an exception. */
export type DrillCall =
  | { readonly ok: true; readonly result: Readonly<Record<string, unknown>> }
  | { readonly ok: false; readonly code: string; readonly message: string };

export interface DrillToken {
  readonly id: string;
  readonly name: string;
  readonly text: string;
}

/**
 * What every drill may use. What else one needs is a port of its control, which `processes/` adds. No drill reaches a
 * model or a chat platform, and whatever one makes is written down before it is made and removed when the drill ends,
 * however it ends.
 */
export interface DrillRange {
  readonly run: string;
  /** Milliseconds, monotonic. */
  now(): number;
  /** A mark of its own for one attempt. */
  mark(): DrillMark;
  /** The listeners of the install that are reached over TCP. */
  readonly targets: readonly DrillTarget[];
  /**
   * One request from the mark's address over a connection of its own, made by the prober process.
   *
   * @throws NotApplicable where this machine has no such address, for example on macOS
   */
  http(target: DrillTarget, mark: DrillMark, request?: DrillRequest): Promise<DrillAnswer>;
  /** One WebSocket upgrade from the mark's address. */
  socket(
    target: DrillTarget,
    mark: DrillMark,
    headers?: readonly (readonly [name: string, value: string])[],
  ): Promise<DrillSocket>;
  /** Call an operation as the operator who started the drills; the mark's id is the trace of its records. */
  operation(id: string, input: unknown, mark: DrillMark): Promise<DrillCall>;
  /** A token for this drill, bound to the mark's address and to ten minutes unless said otherwise. */
  token(
    mark: DrillMark,
    request: {
      readonly scopes: readonly string[];
      readonly addresses?: readonly string[];
      readonly expiresInMs?: number;
      /** Name of a principal that the drill made; the token is its. */
      readonly principal?: string;
    },
  ): Promise<DrillToken>;
  /**
   * Try again until the drill's alert names the mark or one of `names`, at most `most` times more. Whether it came is
   * for the engine to say; this only gives it the chance.
   */
  untilAlert(
    mark: DrillMark,
    again: () => Promise<unknown>,
    options?: { readonly names?: readonly string[]; readonly most?: number },
  ): Promise<void>;
  /** Resolves after so many milliseconds, for what ends by itself. */
  pause(ms: number): Promise<void>;
}

/** What one attempt met. The engine finds the event and the alert by the mark. */
export interface DrillAttempt {
  /** What was tried, in the words that an operator reads at night. */
  readonly tried: string;
  readonly mark: DrillMark;
  /** When the first try left, by `DrillRange.now`. */
  readonly at: number;
  /** Undefined when nothing refused it. */
  readonly refusal: { readonly code: string; readonly rule?: string } | undefined;
  /** Further texts of which one in a record or an alert says that this attempt caused it. */
  readonly names?: readonly string[];
  /** What the attempt changed although it was refused; empty or absent when nothing. */
  readonly sideEffects?: readonly string[];
  /** What an operator should know about how the measurement was made. */
  readonly note?: string;
  /** When things were as before, by `DrillRange.now`; absent, the engine measures it after cleaning up. */
  readonly recoveredAt?: number;
}

/** Thrown by a drill, or by what it uses, that cannot run on this install; says why. Never a pass. */
export class NotApplicable extends Error {}

/** Thrown by a drill that could not set its scene; says what failed. Such a drill has failed. */
export class SetupFailed extends Error {}

/** A negative test that an operator runs against the live install (D6). */
export interface Drill<Range extends DrillRange = DrillRange> {
  /** `<control>.<what is tried>`. */
  readonly id: string;
  readonly title: string;
  readonly requirements: readonly string[];
  /** Lines of the attack catalogue. */
  readonly attacks: readonly number[];
  /** Codes of which one must refuse it; the event carries one of them too. */
  readonly codes: readonly string[];
  /** What refuses it, where the record names no rule: a configuration key or a built-in rule. */
  readonly rule: string;
  /** `action` of the ledger record that must follow, or why by design none does. */
  readonly event: string | { readonly none: string };
  /** The alert that must follow, or why by design none does. */
  readonly alert: { readonly rule: string } | { readonly none: string };
  /** @throws NotApplicable */
  run(range: Range): Promise<readonly DrillAttempt[]>;
}
