import type { Alerts, Finding, Ledger, Logger } from '../../kernel/index.ts';

export interface ListenerWatchOptions {
  /** What the kernel's socket tables say against what is declared, now. */
  readonly measure: () => Promise<readonly Finding[]>;
  readonly ledger: Ledger;
  readonly alerts: Alerts;
  readonly logger: Logger;
  /** Run a task again and again; returns how to stop. */
  readonly every: (milliseconds: number, task: () => void) => () => void;
}

export interface ListenerWatch {
  /** Look now. */
  check(): Promise<void>;
  stop(): void;
}

export const LISTENER_WATCH_MS = 60_000;

/**
 * L2: "listening on loopback" is measured after start and every minute. What was not there before is an alert in
 * ledger and log; what is gone again is recorded too, so that the length of an exposure is known afterwards.
 */
export function watchListeners(options: ListenerWatchOptions): ListenerWatch {
  const known = new Map<string, Finding>();

  const check = async () => {
    const found = new Map(
      (await options.measure()).map((finding) => [`${finding.id} ${finding.found}`, finding]),
    );
    for (const [key, finding] of found) if (!known.has(key)) alert(options, finding);
    for (const [key, finding] of known) if (!found.has(key)) await restored(options, finding);
    known.clear();
    for (const [key, finding] of found) known.set(key, finding);
  };

  const stop = options.every(LISTENER_WATCH_MS, () => {
    check().catch((cause: unknown) =>
      options.logger.error('the listeners could not be measured', { cause: String(cause) }),
    );
  });
  return { check, stop };
}

function alert(
  { alerts }: ListenerWatchOptions,
  { id, severity, title, expected, found, fix }: Finding,
): void {
  const isSevere = severity === 'critical' || severity === 'high';
  alerts.raise({
    rule: 'listener.drift',
    code: id,
    severity: isSevere ? severity : 'warning',
    title,
    fix,
    key: found,
    data: { expected, found },
  });
}

async function restored({ ledger, logger }: ListenerWatchOptions, { id, found }: Finding): Promise<void> {
  logger.info('a finding about listeners is gone', { code: id, found });
  await ledger.append({
    type: 'alert',
    action: 'listener.restored',
    outcome: 'success',
    code: id,
    data: { severity: 'warning', title: 'a finding about listeners is gone', facts: { found } },
  });
}
