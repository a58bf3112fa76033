import { ATTRIBUTES, type Grant } from '../../kernel/index.ts';
import { parseExpiry } from '../dates.ts';
import type { Issues } from '../issues.ts';
import type { Segment } from '../path.ts';
import type { ConfigInput } from '../schema.ts';

/** A widening that lasts longer is a change of policy and belongs into the playbook. */
export const MAX_GRANT_DAYS = 90;
const DAY_MS = 86_400_000;

type WrittenGrant = NonNullable<ConfigInput['grants']>[number];

/** The grants that still give something; expired ones are reported and left out. */
export function readGrants(
  written: ConfigInput['grants'],
  layers: ReadonlySet<string>,
  issues: Issues,
  now: number,
): readonly Grant[] {
  const seen = new Set<string>();
  return (written ?? []).flatMap((grant, index) => {
    const at = ['grants', index];
    if (seen.has(grant.id)) invalid(issues, [...at, 'id'], 'two grants have the same id');
    seen.add(grant.id);
    const read = readGrant(grant, at, layers, issues, now);
    return read === undefined ? [] : [read];
  });
}

function invalid(issues: Issues, at: readonly Segment[], message: string): undefined {
  issues.error(at, 'CONFIG_GRANT_INVALID', { message });
  return undefined;
}

function readGrant(
  grant: WrittenGrant,
  at: readonly Segment[],
  layers: ReadonlySet<string>,
  issues: Issues,
  now: number,
): Grant | undefined {
  const attributes: Readonly<Record<string, unknown>> = ATTRIBUTES[grant.kind].match;
  for (const name of Object.keys(grant.match)) {
    if (Object.hasOwn(attributes, name)) continue;
    const known = Object.keys(attributes).join(', ');
    return invalid(issues, [...at, 'match', name], `${grant.kind} has no ${name}; it has ${known}`);
  }
  if (!layers.has(grant.layer)) return invalid(issues, [...at, 'layer'], 'no agent has this playbook');
  const expires = parseExpiry(grant.expires);
  if (expires === undefined) {
    return invalid(issues, [...at, 'expires'], 'not an ISO 8601 date, or a time with a zone');
  }
  if (expires > now + MAX_GRANT_DAYS * DAY_MS) {
    return invalid(issues, [...at, 'expires'], `more than ${MAX_GRANT_DAYS} days from now`);
  }
  if (expires <= now) {
    issues.warn(at, 'CONFIG_GRANT_EXPIRED');
    return undefined;
  }
  return { ...grant, match: grant.match, expires };
}
