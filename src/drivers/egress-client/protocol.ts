/**
 * What gateway and egress say to each other over `run/egress.sock`: one JSON object per line. The socket lies
 * in a folder of mode 0700, so whoever connects is the gateway's own account.
 */
export interface ControlRequest {
  readonly id: number;
  readonly method: ControlMethod;
  readonly params: unknown;
}

export const CONTROL_METHODS = [
  'hello',
  'openRun',
  'rehearse',
  'closeRun',
  'check',
  'sign',
  'status',
  'runSecrets',
  'exports',
  'honeytokens',
  'reload',
  'grants',
  'verify',
  'mac',
  'mail',
] as const;
export type ControlMethod = (typeof CONTROL_METHODS)[number];

export interface ControlFailure {
  readonly code: string;
  readonly message: string;
  readonly fix: string;
  readonly status: number;
  readonly details?: Readonly<Record<string, unknown>>;
}

export type ControlResponse =
  | { readonly id: number; readonly result: unknown }
  | { readonly id: number; readonly error: ControlFailure };

/** Bytes of one line; beyond it the connection ends. */
const MAX_CONTROL_LINE = 1_048_576;

/** Splits a byte stream into lines; `push` throws RangeError past MAX_CONTROL_LINE. */
export class LineSplitter {
  #held: Buffer[] = [];
  #size = 0;

  push(chunk: Buffer): string[] {
    const lines: string[] = [];
    let rest = chunk;
    for (let end = rest.indexOf(0x0a); end >= 0; end = rest.indexOf(0x0a)) {
      this.#hold(rest.subarray(0, end));
      lines.push(Buffer.concat(this.#held).toString('utf8'));
      this.#held = [];
      this.#size = 0;
      rest = rest.subarray(end + 1);
    }
    if (rest.length > 0) this.#hold(rest);
    return lines;
  }

  #hold(part: Buffer): void {
    this.#size += part.length;
    if (this.#size > MAX_CONTROL_LINE) throw new RangeError('a control line is too long');
    this.#held.push(part);
  }
}
