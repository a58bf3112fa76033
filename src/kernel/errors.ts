/**
 * Stable, documented failure codes. A control lists its own once with `defineCodes`; the reference page and
 * the architecture test read those lists, so a code that is thrown anywhere else does not exist.
 */
export interface CodeSpec {
  /** What happened, for an operator. Never holds caller-controlled text or a secret. */
  readonly summary: string;
  /** What the operator does about it: a command, a key, or a person to ask. */
  readonly fix: string;
  /** HTTP status that the surfaces map to (RFC 9110). */
  readonly status: number;
}

export type CodeTable = Readonly<Record<string, CodeSpec>>;

export interface GatehouseErrorOptions {
  readonly fix?: string;
  readonly status?: number;
  /** Kept for logs inside the process; never rendered to a caller. */
  readonly cause?: unknown;
  /** Safe, structured facts for a caller (for example a configuration path). */
  readonly details?: Readonly<Record<string, unknown>>;
}

/** The only error that crosses a boundary. `code` is stable, `message` is safe to show, `cause` is private. */
export class GatehouseError extends Error {
  readonly code: string;
  readonly fix: string;
  readonly status: number;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(code: string, message: string, options: GatehouseErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'GatehouseError';
    this.code = code;
    this.fix = options.fix ?? '';
    this.status = options.status ?? 500;
    this.details = options.details ?? {};
  }

  /** What a caller may see. */
  toJSON(): { code: string; message: string; fix: string; details?: Readonly<Record<string, unknown>> } {
    const shown = { code: this.code, message: this.message, fix: this.fix };
    return Object.keys(this.details).length > 0 ? { ...shown, details: this.details } : shown;
  }
}

export interface CodeFactory<T extends CodeTable> {
  readonly table: T;
  /** Build the error for a listed code; `message` replaces the summary when the case can be said better. */
  error(code: keyof T & string, message?: string, options?: GatehouseErrorOptions): GatehouseError;
}

/** List a folder's failure codes. Every code starts with the folder's own prefix. */
export function defineCodes<const T extends CodeTable>(table: T): CodeFactory<T> {
  return {
    table: Object.freeze(table),
    error(code, message, options = {}) {
      const spec: CodeSpec | undefined = table[code];
      if (spec === undefined) return new GatehouseError('KERNEL_UNLISTED_CODE', `unlisted code ${code}`);
      return new GatehouseError(code, message ?? spec.summary, {
        fix: options.fix ?? spec.fix,
        status: options.status ?? spec.status,
        ...(options.cause === undefined ? {} : { cause: options.cause }),
        ...(options.details === undefined ? {} : { details: options.details }),
      });
    },
  };
}

/** Narrow an unknown thrown value; anything that is not a GatehouseError becomes an opaque internal failure. */
export function asGatehouseError(thrown: unknown): GatehouseError {
  if (thrown instanceof GatehouseError) return thrown;
  return new GatehouseError('KERNEL_INTERNAL', 'an internal error stopped this action; nothing was changed', {
    fix: 'Look for this time in logs/gateway.log and report it with the code.',
    cause: thrown,
  });
}

export const KERNEL_CODES = defineCodes({
  KERNEL_INTERNAL: {
    summary: 'an internal error stopped this action; nothing was changed',
    fix: 'Look for this time in logs/gateway.log and report it with the code.',
    status: 500,
  },
  KERNEL_UNLISTED_CODE: {
    summary: 'the program used an error code that is not listed',
    fix: 'Report it: this is a defect of Gatehouse.',
    status: 500,
  },
  KERNEL_ABORTED: {
    summary: 'the action was stopped before it finished',
    fix: 'Start it again if it is still wanted.',
    status: 499,
  },
});
