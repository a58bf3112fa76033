/** What a stranger on the network sees of one answer. */
export interface DrillAnswer {
  /** HTTP status; 0 when the connection ended without an answer. */
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface DrillRequest {
  readonly method?: string;
  readonly path?: string;
  /** Sent as they are, Host included. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/**
 * What a drill may use: the live install as a stranger sees it, and what it needs to set the scene. Everything that
 * a drill creates is removed when it ends, also when it fails.
 */
export interface DrillRange {
  /** Where the plane listens, as the gateway declared it. */
  readonly target: { readonly address: string; readonly port: number };
  /** One request over a connection of its own, from this machine. */
  http(request: DrillRequest): Promise<DrillAnswer>;
  /** Open a WebSocket, send these frames, and gather what comes until it closes or `ms` milliseconds are over. */
  webSocket(
    headers: Readonly<Record<string, string>>,
    frames: readonly string[],
    ms: number,
  ): Promise<{ readonly upgraded: boolean; readonly frames: readonly string[]; readonly closeCode: number }>;
  /** Call an operation as the operator. */
  operation(id: string, input: unknown): Promise<unknown>;
  /** A token of its own for this drill. */
  token(scopes: readonly string[]): Promise<{ readonly id: string; readonly text: string }>;
}

/** What an attempt met. `code` and `rule` are those that refused it. */
export interface DrillOutcome {
  readonly tried: string;
  readonly refused: boolean;
  readonly code: string;
  readonly rule: string;
  /** Anything the attempt left behind; empty when nothing. */
  readonly sideEffects: readonly string[];
}

/** A negative test that an operator runs against the live install (D6). */
export interface Drill {
  /** `<control>.<what is tried>`. */
  readonly id: string;
  readonly title: string;
  readonly requirements: readonly string[];
  /** Lines of the attack catalogue. */
  readonly attacks: readonly number[];
  /** `action` and `code` of the ledger event that must follow, and the rule of the alert where one must. */
  readonly expects: { readonly action: string; readonly code: string; readonly alert?: string };
  run(range: DrillRange): Promise<DrillOutcome>;
}
