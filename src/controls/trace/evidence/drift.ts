import type { Kysely } from 'kysely';
import type { Alerts, Clock, Ledger } from '../../../kernel/index.ts';
import { EVIDENCE_CODES } from './codes.ts';
import { open, type Signature, seal } from './dsse.ts';
import { compareFacts, type Difference, type InstallFacts, isSerious } from './facts.ts';
import type { EvidenceTables } from './tables.ts';

export const BASELINE_TYPE = 'application/vnd.gatehouse.baseline.v1+json';
/** Baselines kept; the oldest goes when another is made. */
const MAX_BASELINES = 100;
/** Names of differences that an alert repeats; the report has all of them. */
const NAMED_IN_ALERT = 10;

export interface Baseline {
  readonly number: number;
  /** Unix milliseconds. */
  readonly at: number;
  readonly author: string;
  readonly ticket: string;
  readonly reason: string;
}

export interface DriftReport {
  readonly baseline: Baseline;
  readonly differences: readonly Difference[];
}

export interface DriftParts {
  readonly db: Kysely<EvidenceTables>;
  readonly ledger: Pick<Ledger, 'append'>;
  readonly alerts: Alerts;
  readonly clock: Clock;
  sign(bytes: Uint8Array): Promise<Signature>;
  /** Public keys that a baseline may be signed with. */
  keys(): Promise<readonly string[]>;
  /** Without findings it is quick enough for every minute; that section is then empty. */
  facts(options: { readonly findings: boolean }): Promise<InstallFacts>;
}

/** What was approved once, and what has become of it (D5). */
export interface DriftService {
  /** Sign what the install is now as the baseline. @throws EGRESS_UNAVAILABLE: the key is in egress */
  baseline(by: {
    readonly author: string;
    readonly ticket: string;
    readonly reason: string;
  }): Promise<Baseline>;
  /** Undefined when there is none yet. */
  latest(): Promise<Baseline | undefined>;
  /**
   * Compare with the last baseline; what differs is recorded and alerted once per state.
   *
   * @param quick leave doctor and audit out: what they found differs as it did when they were last looked at
   * @throws DRIFT_NO_BASELINE, DRIFT_BASELINE_INVALID
   */
  check(quick?: boolean): Promise<DriftReport>;
}

export function createDrift({ db, ledger, alerts, clock, sign, keys, facts }: DriftParts): DriftService {
  let told = '';

  const latestRow = () =>
    db.selectFrom('baselines').selectAll().orderBy('number', 'desc').limit(1).executeTakeFirst();

  async function baseline(by: Omit<Baseline, 'number' | 'at'>): Promise<Baseline> {
    const at = clock.now();
    const envelope = JSON.stringify(
      await seal(BASELINE_TYPE, { at, ...by, facts: await facts({ findings: true }) }, sign),
    );
    const { insertId } = await db
      .insertInto('baselines')
      .values({ at, ...by, envelope } as never)
      .executeTakeFirstOrThrow();
    const number = Number(insertId);
    await db
      .deleteFrom('baselines')
      .where('number', '<=', number - MAX_BASELINES)
      .execute();
    told = '';
    return { number, at, ...by };
  }

  /** Findings that differed when they were last looked at, under the number of the baseline. */
  let lastFindings: { readonly number: number; readonly differences: readonly Difference[] } | undefined;

  async function check(quick = false): Promise<DriftReport> {
    const row = await latestRow();
    if (row === undefined) throw EVIDENCE_CODES.error('DRIFT_NO_BASELINE');
    const { envelope, ...stored } = row;
    const opened = open(envelope, BASELINE_TYPE, await keys());
    if (!opened.ok) throw tampered(stored, opened.reason);
    const before = (opened.document as { readonly facts: InstallFacts }).facts;
    const all = compareFacts(before, await facts({ findings: !quick }));
    const others = all.filter(({ section }) => section !== 'findings');
    const known = lastFindings?.number === stored.number ? lastFindings.differences : [];
    const findings = quick ? known : all.filter(({ section }) => section === 'findings');
    if (!quick) lastFindings = { number: stored.number, differences: findings };
    const differences = [...others, ...findings];
    await tell(stored, differences);
    return { baseline: stored, differences };
  }

  function tampered(stored: Baseline, reason: string): Error {
    const error = EVIDENCE_CODES.error('DRIFT_BASELINE_INVALID', undefined, { details: { reason } });
    alerts.raise({
      rule: 'drift.baseline',
      code: error.code,
      severity: 'critical',
      title: `the baseline ${stored.number} does not carry the signature of this install`,
      fix: error.fix,
    });
    return error;
  }

  /** The same state is told once; a look every hour must not become noise that nobody reads. */
  async function tell(stored: Baseline, differences: readonly Difference[]): Promise<void> {
    const state = JSON.stringify(differences);
    if (state === told || (differences.length === 0 && told === '')) return;
    told = differences.length === 0 ? '' : state;
    const serious = differences.filter(isSerious).length;
    await ledger.append({
      type: 'drill',
      action: 'drift.checked',
      outcome: differences.length === 0 ? 'success' : 'failure',
      ...(differences.length === 0 ? {} : { code: 'DRIFT_FOUND' }),
      data: { baseline: stored.number, differences: differences.length, serious },
    });
    if (differences.length === 0) return;
    const named = differences.slice(0, NAMED_IN_ALERT).map(({ section, name }) => `${section}/${name}`);
    alerts.raise({
      rule: 'drift.found',
      code: 'DRIFT_FOUND',
      severity: serious > 0 ? 'high' : 'warning',
      title: `the install is not what baseline ${stored.number} says: ${named.join(', ')}`,
      fix: 'Look at `gatehouse drift check`. If it was meant: `gatehouse drift baseline --ticket T --reason R`; otherwise undo it (`gatehouse config rollback N`).',
      key: state,
      data: { baseline: stored.number, differences: differences.length, named },
    });
  }

  return {
    baseline,
    async latest() {
      const row = await latestRow();
      if (row === undefined) return undefined;
      const { envelope: _, ...stored } = row;
      return stored;
    },
    check,
  };
}
