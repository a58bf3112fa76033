import { joinTaint, type TaintLabel } from '../../kernel/index.ts';

/** Who wrote, and what the session carried then. */
export interface Writer {
  readonly session: string;
  readonly run: string;
  readonly labels: readonly TaintLabel[];
  readonly source: string;
}

export interface TaintedFile {
  readonly path: string;
  readonly labels: readonly TaintLabel[];
  readonly source: string;
  readonly session: string;
  readonly at: number;
}

export interface TaintEvent {
  readonly label: TaintLabel;
  readonly source: string;
  readonly at: number;
  readonly run: string | null;
  readonly clearedAt: number | null;
  readonly clearedBy: string | null;
  readonly clearedReason: string | null;
}

/** Labels of several files together. */
export function labelsOf(files: readonly TaintedFile[]): readonly TaintLabel[] {
  return joinTaint(...files.map(({ labels }) => labels));
}
