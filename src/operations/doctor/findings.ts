import { Type } from 'typebox';
import { type Finding, SEVERITIES } from '../../kernel/index.ts';
import { strict } from '../schema.ts';
import type { Services } from '../services.ts';
import { withProofs } from './proofs.ts';

export const FindingSchema = strict({
  id: Type.String({ description: 'Stable code of the check.' }),
  severity: Type.Enum(SEVERITIES),
  title: Type.String(),
  expected: Type.String(),
  found: Type.String(),
  fix: Type.String(),
  requirements: Type.Array(Type.String()),
  drill: Type.Optional(
    Type.String({ description: 'Drill that proves on the live install that the fix holds.' }),
  ),
});

/** A file that does not hold is not what runs, and the next start would be refused because of it. */
async function fileFindings({ config }: Services): Promise<readonly Finding[]> {
  const { ok, issues } = await config.validate();
  if (ok) return [];
  return issues.map(({ code, path, message, fix }) => ({
    id: code,
    severity: 'high',
    title: `the configuration file is not valid: ${path === '' ? message : `${path}: ${message}`}`,
    expected: 'a file that the next start accepts',
    found: message,
    fix,
    requirements: ['D1'],
  }));
}

/** Egress comes back by itself; when even the shell that starts it again is gone, only a new start helps. */
function egressFinding(failing: readonly string[]): readonly Finding[] {
  if (!failing.includes('egress')) return [];
  return [
    {
      id: 'EGRESS_UNAVAILABLE',
      severity: 'high',
      title: 'egress does not answer, so no model and no host can be reached',
      expected: 'one egress process',
      found: 'none',
      fix: 'Wait ten seconds and look again. If it stays: gatehouse gateway stop, then start it, and read logs/egress.log.',
      requirements: ['E1'],
    },
  ];
}

/** Both processes are of one program; after an upgrade one of them may still be the old one. */
async function egressVersion({ egress, runtime }: Services): Promise<readonly Finding[]> {
  const version = (await egress.status().catch(() => undefined))?.version;
  if (version === undefined || version === runtime.version) return [];
  return [
    {
      id: 'DOCTOR_EGRESS_VERSION_DIFFERS',
      severity: 'warning',
      title: 'egress is of another version than the gateway',
      expected: runtime.version,
      found: version,
      fix: 'gatehouse gateway stop, then gatehouse gateway start: a restart keeps egress running.',
      requirements: ['D2'],
    },
  ];
}

/** What every control's checks say about this install now. */
export async function installFindings(services: Services): Promise<readonly Finding[]> {
  return withProofs([
    ...(await services.runtime.findings()),
    ...(await fileFindings(services)),
    ...egressFinding(services.runtime.ready().failing),
    ...(await egressVersion(services)),
  ]);
}
