/** Where an attempt goes: a listener of this install, or the Unix socket of one of its runs. */
export type ProbeTarget =
  | {
      readonly address: string;
      readonly port: number;
      readonly tls: boolean;
      /** The newest version that is offered; absent, what this Node offers. */
      readonly newest?: 'TLSv1.1' | 'TLSv1.2';
      /** Source address; absent, the system chooses. */
      readonly from?: string;
    }
  | { readonly path: string };

/** What the prober is asked, one JSON object per line. Handles are numbers that the asking side chooses. */
export type ProbeRequest =
  /** Send bytes (latin1 text), then read until the other side closes, `until` is in what came, or the time is over. */
  | {
      readonly op: 'exchange';
      readonly target: ProbeTarget;
      readonly bytes: string;
      readonly until?: string;
      readonly ms: number;
    }
  | {
      readonly op: 'ws.open';
      readonly handle: number;
      readonly target: Extract<ProbeTarget, { readonly address: string }>;
      readonly headers: readonly (readonly [name: string, value: string])[];
      readonly ms: number;
    }
  | { readonly op: 'ws.send'; readonly handle: number; readonly text: string }
  | { readonly op: 'ws.close'; readonly handle: number }
  | { readonly op: 'listen'; readonly handle: number; readonly address: string }
  | { readonly op: 'unlisten'; readonly handle: number };

export type ProbeLine = ProbeRequest & { readonly id: number };

/** The first line: what may be connected to at all. */
export interface ProbeRules {
  readonly tcp: readonly { readonly address: string; readonly port: number }[];
  /** Folder of the Unix sockets that may be opened. */
  readonly folder: string;
}

export interface ExchangeAnswer {
  /** What came, as latin1 text, at most 64 KiB. */
  readonly bytes: string;
  /** Why reading ended. */
  readonly end: 'closed' | 'found' | 'timeout' | 'refused';
}

export interface UpgradeAnswer {
  readonly upgraded: boolean;
  readonly bytes: string;
}

export interface ListenAnswer {
  readonly port: number;
}

/** What the prober says: answers by id, and what happens on a handle. */
export type ProbeSays =
  | { readonly id: number; readonly ok: true; readonly answer: unknown }
  | { readonly id: number; readonly ok: false; readonly error: string }
  | { readonly handle: number; readonly frame: string }
  | { readonly handle: number; readonly closed: number };
