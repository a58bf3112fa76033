import { createHash } from 'node:crypto';
import type {
  Attestation,
  AttestedCheck,
  AttestedPosture,
  InstallFacts,
} from '../../controls/trace/index.ts';
import { type Finding, isSeriousFinding, worstFirst } from '../../kernel/index.ts';
import { installFindings } from '../doctor/findings.ts';
import type { Services } from '../services.ts';
import { controlsOf, type Framework } from './frameworks.ts';

/** Milliseconds after which a run of drills says nothing about today any more. */
const DRILL_AGE_MS = 30 * 86_400_000;

/** Commands that repeat the measurement, by area. */
const EVIDENCE: Readonly<Record<string, string>> = {
  listen: 'gatehouse inventory listeners',
  credentials: 'gatehouse token list; gatehouse principal list',
  sessions: 'gatehouse sessions list; drill senders',
  egress: 'gatehouse egress check; drill egress',
  execution: 'gatehouse sandbox explain; drill execution',
  ledger: 'gatehouse ledger verify',
  grants: 'gatehouse grant list',
  budget: 'gatehouse budget show',
  changes: 'gatehouse config history',
  'high-risk operations': 'gatehouse approvals list; ledger type approval',
  checks: 'gatehouse doctor; gatehouse drill history',
};

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}

/** One digest over all files of the program, each by its name. */
function programDigest({ files }: InstallFacts): string {
  const lines = Object.entries(files).map(([name, digest]) => `${digest}  ${name}\n`);
  return `sha256:${createHash('sha256').update(lines.join('')).digest('hex')}`;
}

function dateOf(at: number): string {
  return new Date(at).toISOString().slice(0, 10);
}

function earliest(dates: readonly (string | null | undefined)[]): string | null {
  return dates.filter((date) => typeof date === 'string').sort()[0] ?? null;
}

function check(name: string, findings: readonly Finding[], at: number): AttestedCheck {
  const serious = findings.filter(isSeriousFinding);
  const worst = worstFirst(serious)[0];
  const result =
    worst === undefined
      ? 'nothing of severity warning or worse'
      : `${serious.length} of severity warning or worse, the worst is ${worst.severity}: ${worst.id}`;
  return { name, at: new Date(at).toISOString(), result, passed: serious.length === 0 };
}

/** What the last run of drills came to, as the ledger holds it. */
async function drillCheck({ ledger, clock }: Services): Promise<AttestedCheck> {
  const [last] = (await ledger.query({ type: 'drill', action: 'drill.finished', limit: 1 })).slice(-1);
  if (last === undefined) return { name: 'drills', at: null, result: 'none were run', passed: false };
  const { passed = 0, failed = 0, notApplicable = 0 } = (last.data ?? {}) as Readonly<Record<string, number>>;
  const isOld = clock.now() - last.at > DRILL_AGE_MS;
  return {
    name: 'drills',
    at: new Date(last.at).toISOString(),
    result: `${passed} passed, ${failed} failed, ${notApplicable} not applicable${isOld ? '; more than 30 days ago' : ''}`,
    passed: failed === 0 && passed > 0 && !isOld,
  };
}

async function driftCheck({ drift, clock }: Services): Promise<AttestedCheck> {
  const latest = await drift.latest();
  if (latest === undefined) return { name: 'drift', at: null, result: 'there is no baseline', passed: false };
  const { differences, baseline } = await drift.check();
  return {
    name: 'drift',
    at: new Date(clock.now()).toISOString(),
    result:
      differences.length === 0
        ? `as baseline ${baseline.number} says`
        : `${differences.length} differences from baseline ${baseline.number}`,
    passed: differences.length === 0,
  };
}

/** The last good backup; that a restore works is shown by a rehearsal, where the private key is. */
async function backupCheck({ backups }: Services): Promise<AttestedCheck> {
  const { recipients, last, maxAgeHours, now } = await backups.facts();
  if (recipients === 0) return { name: 'backup', at: null, result: 'none are made', passed: false };
  if (last === undefined) return { name: 'backup', at: null, result: 'there is no good one', passed: false };
  const isOld = now - last.at >= maxAgeHours * 3_600_000;
  return {
    name: 'backup',
    at: new Date(last.at).toISOString(),
    result: `encrypted for ${recipients}, its ledger proven${isOld ? `; older than ${maxAgeHours} hours` : ''}`,
    passed: !isOld,
  };
}

async function owners({ config, auth }: Services): Promise<Attestation['owners']> {
  const { playbooks } = config.current();
  const principals = (await auth.listPrincipals()).filter(({ disabledAt }) => disabledAt === null);
  return [
    ...playbooks.map(({ name, owner, review }) => ({ what: `playbook ${name}`, owner, review })),
    ...principals.map(({ name, owner, expiresAt }) => ({
      what: `principal ${name}`,
      owner: owner === '' ? 'nobody is named' : owner,
      review: expiresAt === null ? null : dateOf(expiresAt),
    })),
  ];
}

async function changes({ config }: Services): Promise<AttestedPosture> {
  const history = await config.history();
  const last = history.reduce(
    (newest, one) => (one.number > newest.number ? one : newest),
    history[0] ?? { number: 0, at: 0, author: '', ticket: '' },
  );
  return {
    area: 'changes',
    required: 'every applied configuration is a numbered snapshot with its author',
    measured: `${counted(history.length, 'snapshot')} kept, the last is ${last.number}${last.ticket === '' ? '' : ` (${last.ticket})`} by ${last.author}`,
    holds: history.length > 0,
    evidence: EVIDENCE['changes'] ?? '',
    renewal: null,
  };
}

function highRisk({ config }: Services): AttestedPosture {
  const agents = [...config.current().agents.values()];
  return {
    area: 'high-risk operations',
    required: 'what a playbook does not allow by name waits for a person or is refused',
    measured: `${counted(agents.length, 'agent')} under ${counted(new Set(agents.map(({ playbook }) => playbook)).size, 'playbook')}; approvals bind command, files and sandbox and are used once`,
    holds: true,
    evidence: EVIDENCE['high-risk operations'] ?? '',
    renewal: null,
  };
}

/** Measure everything that the page says. Nothing is taken from an earlier page. */
export async function gatherAttestation(
  services: Services,
  {
    by,
    name,
    frameworks,
  }: { readonly by: string; readonly name: string; readonly frameworks: readonly Framework[] },
): Promise<Attestation> {
  const { clock, runtime, evidence, ledger, auth } = services;
  const at = clock.now();
  // What the page says of the ledger is under a signature when the page is read.
  await ledger.checkpoint().catch(() => undefined);
  const [findings, lines, facts, tokens, owned, drills, drifted, backup, report] = await Promise.all([
    installFindings(services),
    runtime.posture(),
    evidence.facts(),
    auth.listTokens(),
    owners(services),
    drillCheck(services),
    driftCheck(services),
    backupCheck(services),
    ledger.verify(),
  ]);
  const ends = tokens.filter(
    ({ revokedAt, expiresAt }) => revokedAt === null && expiresAt !== null && expiresAt > at,
  );
  const tokenEnd = earliest(ends.map(({ expiresAt }) => (expiresAt === null ? null : dateOf(expiresAt))));
  const review = earliest(owned.filter(({ what }) => what.startsWith('playbook ')).map((one) => one.review));
  const grants = await evidence.grants();
  const grantEnd = earliest(grants.map(({ expires }) => expires.slice(0, 10)));
  const renewals: Readonly<Record<string, string | null>> = {
    credentials: tokenEnd,
    execution: review,
    egress: review,
    grants: grantEnd,
  };
  const checks = [check('doctor and audit', findings, at), drills, drifted, backup];
  const posture: readonly AttestedPosture[] = [
    ...lines.map((line) => ({
      ...line,
      evidence: EVIDENCE[line.area] ?? '',
      renewal: renewals[line.area] ?? null,
    })),
    highRisk(services),
    await changes(services),
  ];
  const holds = new Map(posture.map((line) => [line.area, line.holds] as const));
  holds.set(
    'checks',
    checks.every(({ passed }) => passed),
  );
  return {
    install: { name, version: runtime.version, node: process.version },
    at: new Date(at).toISOString(),
    by,
    renewal: earliest([
      ...posture.map((line) => line.renewal),
      ...grants.map(({ expires }) => expires.slice(0, 10)),
    ]),
    owners: owned,
    posture,
    checks,
    grants,
    ledger: {
      records: report.records,
      checkpoints: report.checkpoints,
      head: report.writers
        .map(({ writer, head, hash }) => `${writer}#${head}:${hash.slice(0, 16)}`)
        .join(' '),
    },
    digests: {
      ...facts.versions,
      configuration: facts.configuration['hash'] ?? '',
      policy: facts.egress['policy'] ?? '',
      program: programDigest(facts),
    },
    controls: controlsOf(frameworks, holds),
  };
}
