import type { ApprovalEvent, ApprovalOutcome, ApprovalRecord } from '../types.ts';

/** The answer that a record holds, or undefined while it waits for one. */
export function outcomeOf(record: ApprovalRecord): ApprovalOutcome | undefined {
  switch (record.status) {
    case 'pending':
      return undefined;
    case 'allowed':
    case 'consumed':
      return { kind: 'allowed', approvalId: record.id, decision: record.decision ?? 'allow-once' };
    case 'denied':
    case 'expired':
    case 'cancelled':
      return { kind: record.status, approvalId: record.id };
  }
}

/** Who is told when an approval is asked for or answered. */
export class ApprovalWatchers {
  readonly #listeners = new Set<(event: ApprovalEvent) => void>();

  subscribe(listener: (event: ApprovalEvent) => void): () => void {
    // Wrapped, so that subscribing the same function twice takes two calls to end.
    const own = (event: ApprovalEvent): void => listener(event);
    this.#listeners.add(own);
    return () => void this.#listeners.delete(own);
  }

  /** Every listener is told even when one of them throws; what they throw is returned. */
  emit(event: ApprovalEvent): readonly unknown[] {
    const thrown: unknown[] = [];
    for (const listener of this.#listeners) {
      try {
        listener(event);
      } catch (error) {
        thrown.push(error);
      }
    }
    return thrown;
  }
}
