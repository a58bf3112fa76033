import type { EffectiveConfig } from '../../configuration/types.ts';
import { checkExecution } from '../../controls/execution/index.ts';
import { checkGrants } from '../../controls/grants/index.ts';
import { checkSenders } from '../../controls/senders/index.ts';
import type { VerifyReport } from '../../controls/trace/types.ts';
import type { Finding, SandboxProbe } from '../../kernel/index.ts';
import type { Core } from '../core.ts';
import { senderPolicies } from '../senders.ts';

/** What the sandbox was measured to hold on this machine (X2). */
export function sandboxFindings(probe: SandboxProbe): readonly Finding[] {
  if (!probe.available) {
    return [
      {
        id: 'SANDBOX_UNAVAILABLE',
        severity: 'high',
        title: `the sandbox backend ${probe.backend} does not work, so the tools of its agents are refused`,
        expected: `${probe.backend}, as configured`,
        found: 'none that works',
        fix: probe.fix ?? 'Install bubblewrap.',
        requirements: ['X1'],
      },
    ];
  }
  return Object.entries(probe.features)
    .filter(([, feature]) => !feature.holds)
    .map(([name, feature]) => ({
      id: 'SANDBOX_LIMIT_NOT_HELD',
      severity: 'warning',
      title: `the limit "${name}" of ${probe.backend} does not hold on this machine`,
      expected: 'enforced',
      found: feature.how,
      fix: 'Give the gateway a writable control group (the systemd unit does), or run it as an ordinary account.',
      requirements: ['X2'],
    }));
}

export function configurationFindings(config: EffectiveConfig): readonly Finding[] {
  return config.warnings.map((warning) => ({
    id: warning.code,
    severity: 'low',
    title: warning.path === '' ? warning.message : `${warning.path}: ${warning.message}`,
    expected: 'a configuration that says only what is acted on',
    found: warning.message,
    fix: warning.fix,
    requirements: ['D1'],
  }));
}

/** What is odd about the rules that open the way out (E2). */
export async function egressFindings(
  { writtenEgress }: EffectiveConfig,
  now: number,
): Promise<readonly Finding[]> {
  if (writtenEgress.length === 0) return [];
  // The gateway itself dials nobody: what understands rules is loaded when they are looked at.
  const { checkEgress } = await import('../../controls/egress/index.ts');
  return checkEgress({ rules: writtenEgress, now });
}

/** Every widening that is in force (D7). */
export async function grantFindings(
  { grants, config }: Pick<Core, 'grants' | 'config'>,
  now: number,
): Promise<readonly Finding[]> {
  const granted = await grants.list();
  const ids = new Set(granted.map(({ id }) => id));
  const configured = config.current().ceiling.grants.filter(({ id }) => !ids.has(id));
  return checkGrants({ granted, configured, now });
}

/** Answers that were given in advance (X6). */
export async function executionFindings(
  core: Pick<Core, 'approvals'>,
  now: number,
): Promise<readonly Finding[]> {
  return checkExecution({ standing: await core.approvals.standings.list(), now });
}

/** What a proof of the whole ledger found (T1). */
export function ledgerFindings(report: VerifyReport): readonly Finding[] {
  return report.problems.map((problem) => ({
    id: problem.code,
    severity: 'critical',
    title: `${problem.writer} record ${problem.seq}: ${problem.message}`,
    expected: 'an unbroken, signed chain',
    found: problem.code,
    fix: 'Keep the file as evidence, compare it with your anchor and backups, and find out who could write to state/.',
    requirements: ['T1'],
  }));
}

/** Who may talk to an agent, and who was let in long ago (S1 to S6). */
export async function senderFindings(
  core: Pick<Core, 'config' | 'senders'>,
  now: number,
): Promise<readonly Finding[]> {
  return checkSenders({ policies: senderPolicies(core.config), stored: await core.senders.list(), now });
}
