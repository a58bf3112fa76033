import type { Alert, Clock } from '../../kernel/index.ts';
import type { DrillAlerts, DrillLedger, DrillRecord } from './types.ts';

/** Records of other processes are looked for this often, in milliseconds: no event tells of them. */
const LOOK_MS = 40;
/** Newest records of one look. */
const LOOK_RECORDS = 300;
/** Records and alerts kept of one run; the oldest go first. */
const MAX_KEPT = 20_000;

/** Something seen, and when by the monotonic clock. */
export interface Seen<What> {
  readonly what: What;
  readonly at: number;
}

export interface EvidenceParts {
  readonly ledger: DrillLedger;
  readonly alerts: DrillAlerts;
  readonly clock: Clock;
}

/** Everything that is recorded and alerted while drills run, so that nothing is missed between attempt and question. */
export class Evidence {
  readonly #parts: EvidenceParts;
  readonly #records: Seen<DrillRecord>[] = [];
  readonly #alerts: Seen<Alert>[] = [];
  readonly #known = new Set<string>();
  readonly #waiting = new Set<() => void>();
  readonly #stops: readonly (() => void)[];

  constructor(parts: EvidenceParts) {
    this.#parts = parts;
    const { ledger, alerts, clock } = parts;
    this.#stops = [
      ledger.onAppend((record) => this.#add(record, true)),
      alerts.subscribe((alert) => {
        keep(this.#alerts, { what: alert, at: clock.monotonic() });
        this.#wake();
      }),
    ];
  }

  /** The first record that agrees, now or within `ms` milliseconds. */
  record(agrees: (record: DrillRecord) => boolean, ms: number): Promise<Seen<DrillRecord> | undefined> {
    return this.#until(() => this.#records.find(({ what }) => agrees(what)), ms, true);
  }

  alert(agrees: (alert: Alert) => boolean, ms: number): Promise<Seen<Alert> | undefined> {
    return this.#until(() => this.#alerts.find(({ what }) => agrees(what)), ms, true);
  }

  close(): void {
    for (const stop of this.#stops) stop();
    this.#wake();
  }

  async #until<What>(find: () => What | undefined, ms: number, looks: boolean): Promise<What | undefined> {
    const { clock } = this.#parts;
    const deadline = clock.monotonic() + ms;
    for (;;) {
      const found = find();
      const left = deadline - clock.monotonic();
      if (found !== undefined || left <= 0) return found;
      await this.#change(Math.min(left, LOOK_MS));
      if (looks && find() === undefined) await this.#look();
    }
  }

  #change(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.#waiting.delete(done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      this.#waiting.add(done);
    });
  }

  /** Records that another process of this home has written, egress above all. */
  async #look(): Promise<void> {
    for (const record of await this.#parts.ledger.query({ limit: LOOK_RECORDS })) this.#add(record, false);
  }

  #add(record: DrillRecord, isOwn: boolean): void {
    const key = `${record.writer}/${record.seq}`;
    if (this.#known.has(key)) return;
    this.#known.add(key);
    const at = this.#parts.clock.monotonic();
    keep(this.#records, { what: record, at });
    const alert = isOwn ? undefined : alertIn(record);
    if (alert !== undefined) keep(this.#alerts, { what: alert, at });
    this.#wake();
  }

  #wake(): void {
    for (const done of this.#waiting) done();
  }
}

/** An alert of another process reaches this one as its record only. */
function alertIn({ type, action, code = '', subject, data = {} }: DrillRecord): Alert | undefined {
  const { title, facts } = data;
  if (type !== 'alert' || typeof title !== 'string') return undefined;
  return {
    rule: action,
    code,
    severity: 'warning',
    title,
    fix: '',
    ...(subject === undefined ? {} : { subject }),
    ...(typeof facts === 'object' && facts !== null ? { data: { ...facts } } : {}),
  };
}

function keep<What>(list: What[], what: What): void {
  list.push(what);
  if (list.length > MAX_KEPT) list.splice(0, list.length - MAX_KEPT);
}
