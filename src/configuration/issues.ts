import type { GatehouseError } from '../kernel/index.ts';
import { CONFIG_CODES, type ConfigCode, codeSpec } from './codes.ts';
import { formatPath, type Segment } from './path.ts';
import type { ConfigIssue } from './types.ts';

/** More than this is not listed: a hostile file must not make a report of millions of lines. */
export const MAX_ISSUES = 100;

export interface IssueFacts {
  readonly message?: string;
  readonly fix?: string;
  readonly nearest?: string;
  readonly file?: string;
  readonly line?: number;
}

/** Where a path stands in the files it was read from. */
export type Locate = (path: string) => { readonly file: string; readonly line: number } | undefined;

/** Collects everything that is wrong, so that an operator sees all of it at once. */
export class Issues {
  readonly errors: ConfigIssue[] = [];
  readonly warnings: ConfigIssue[] = [];
  readonly #locate: Locate;
  #more = false;

  constructor(locate: Locate = () => undefined) {
    this.#locate = locate;
  }

  /** Whether more is wrong than a report lists: looking for further errors is of no use. */
  get isFull(): boolean {
    return this.#more && this.errors.length >= MAX_ISSUES;
  }

  /** Something that keeps the configuration from being used. */
  error(segments: readonly Segment[], code: ConfigCode, facts: IssueFacts = {}): void {
    this.#add(this.errors, segments, code, facts);
  }

  /** Something that an operator should know. */
  warn(segments: readonly Segment[], code: ConfigCode, facts: IssueFacts = {}): void {
    this.#add(this.warnings, segments, code, facts);
  }

  #add(
    list: ConfigIssue[],
    segments: readonly Segment[],
    code: ConfigCode,
    { message, fix, ...facts }: IssueFacts,
  ): void {
    if (list.length >= MAX_ISSUES) {
      this.#more = true;
      return;
    }
    const spec = codeSpec(code);
    const path = formatPath(segments);
    const place = facts.file === undefined ? this.#nearestPlace(segments) : undefined;
    list.push({ path, code, message: message ?? spec.summary, fix: fix ?? spec.fix, ...place, ...facts });
  }

  /** The line of the key itself, or of the closest object around it. */
  #nearestPlace(segments: readonly Segment[]): ReturnType<Locate> {
    for (let length = segments.length; length >= 0; length--) {
      const place = this.#locate(formatPath(segments.slice(0, length)));
      if (place !== undefined) return place;
    }
    return undefined;
  }

  /** @throws CONFIG_INVALID with everything that was collected in `details.issues`. */
  throwIfAny(): void {
    if (this.errors.length > 0) throw this.failure();
  }

  /** CONFIG_INVALID with everything that was collected in `details.issues`. */
  failure(): GatehouseError {
    const issues = [...this.errors];
    if (this.#more) {
      const spec = codeSpec('CONFIG_TOO_MANY_ISSUES');
      issues.push({ path: '', code: 'CONFIG_TOO_MANY_ISSUES', message: spec.summary, fix: spec.fix });
    }
    const first = issues[0];
    const count = issues.length === 1 ? '' : ` (and ${issues.length - 1} more)`;
    const where = first === undefined || first.path === '' ? '' : `${first.path}: `;
    return CONFIG_CODES.error(
      'CONFIG_INVALID',
      `the configuration is not valid: ${where}${first?.message ?? ''}${count}`,
      { details: { issues } },
    );
  }
}
