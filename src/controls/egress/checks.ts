import type { Finding } from '../../kernel/index.ts';
import type { WrittenEgressRule } from './types.ts';

/** Days before its end from which a rule is reported. */
export const EXPIRING_DAYS = 14;
/** Findings of one kind that are listed; the rest is one line. */
const MAX_LISTED = 25;
const DAY_MS = 86_400_000;

export interface EgressFacts {
  readonly rules: readonly WrittenEgressRule[];
  /** Unix milliseconds. */
  readonly now: number;
}

/** What an operator should know about the rules that are in force (E2, E7). */
export function checkEgress({ rules, now }: EgressFacts): readonly Finding[] {
  const opening = rules.filter(({ spec }) => spec.effect !== 'deny');
  return [
    ...listed(opening.filter(nobodys), unowned),
    ...listed(
      opening.filter(({ spec }) => spec.expires !== undefined && spec.expires <= now),
      expired,
    ),
    ...listed(
      opening.filter(({ spec }) => endsSoon(spec.expires, now)),
      (rule) => expiring(rule, now),
    ),
    ...listed(opening.filter(idle), unreachable),
    ...listed(opening.filter(wideAndPrivate), privateWildcard),
  ];
}

type Describe = (rule: WrittenEgressRule) => Omit<Finding, 'requirements'>;

function listed(rules: readonly WrittenEgressRule[], describe: Describe): readonly Finding[] {
  const found = rules.slice(0, MAX_LISTED).map((rule) => ({ ...describe(rule), requirements: ['E2'] }));
  const [first] = found;
  const more = rules.length - found.length;
  if (first === undefined || more <= 0) return found;
  const title = `${more} further rules with the finding ${first.id}`;
  return [...found, { ...first, title, found: `${more} more` }];
}

function nameOf({ source, spec }: WrittenEgressRule): string {
  return `${source}: ${spec.host}:${spec.port}`;
}

/** A shipped rule is answered for by those who ship it; what is missing there is nobody's ticket. */
function nobodys({ spec, shipped }: WrittenEgressRule): boolean {
  return !shipped && (spec.owner === undefined || spec.ticket === undefined);
}

function unowned(rule: WrittenEgressRule): ReturnType<Describe> {
  const missing = [
    ...(rule.spec.owner === undefined ? ['owner'] : []),
    ...(rule.spec.ticket === undefined ? ['ticket'] : []),
  ].join(' and ');
  return {
    id: 'EGRESS_RULE_UNOWNED',
    severity: rule.spec.owner === undefined ? 'warning' : 'low',
    title: `${nameOf(rule)} has no ${missing}`,
    expected: 'owner and ticket of every rule',
    found: `no ${missing}`,
    fix: `Add ${missing} to the rule, or write it as an object in policy/egress.yaml; remove it when nobody needs it.`,
  };
}

function expired(rule: WrittenEgressRule): ReturnType<Describe> {
  return {
    id: 'EGRESS_RULE_EXPIRED',
    severity: 'low',
    title: `${nameOf(rule)} has expired and opens nothing`,
    expected: 'rules that are in force',
    found: `ended ${new Date(rule.spec.expires ?? 0).toISOString()}`,
    fix: 'Remove the rule, or give it a new date and ticket.',
  };
}

function endsSoon(expires: number | undefined, now: number): boolean {
  return expires !== undefined && expires > now && expires <= now + EXPIRING_DAYS * DAY_MS;
}

function expiring(rule: WrittenEgressRule, now: number): ReturnType<Describe> {
  const days = Math.ceil(((rule.spec.expires ?? now) - now) / DAY_MS);
  return {
    id: 'EGRESS_RULE_EXPIRING',
    severity: 'low',
    title: `${nameOf(rule)} ends in ${days} day${days === 1 ? '' : 's'}; its open connections end with it`,
    expected: `more than ${EXPIRING_DAYS} days, or a decision to let it end`,
    found: new Date(rule.spec.expires ?? 0).toISOString(),
    fix: `Ask ${rule.spec.owner ?? 'its owner'} whether it is still needed (${rule.spec.ticket ?? 'no ticket'}).`,
  };
}

/** A rule of the install that no playbook takes over opens nothing, whatever its author thinks. */
function idle({ source, agents }: WrittenEgressRule): boolean {
  return agents.length === 0 && !source.startsWith('playbook:');
}

function unreachable(rule: WrittenEgressRule): ReturnType<Describe> {
  return {
    id: 'EGRESS_RULE_IDLE',
    severity: 'low',
    title: `${nameOf(rule)} opens nothing: no agent's playbook inherits it`,
    expected: 'an agent whose playbook says `inheritNetworkPolicy: true`, or names the host itself',
    found: 'no agent',
    fix: 'Set inheritNetworkPolicy in the playbook, correct `agents`, or remove the rule.',
  };
}

function wideAndPrivate({ spec }: WrittenEgressRule): boolean {
  return spec.host.startsWith('*.') && (spec.networks?.length ?? 0) > 0;
}

function privateWildcard(rule: WrittenEgressRule): ReturnType<Describe> {
  return {
    id: 'EGRESS_RULE_WIDE',
    severity: 'warning',
    title: `${nameOf(rule)} lets every name below it lead into networks that are not public`,
    expected: 'exact names for internal networks',
    found: (rule.spec.networks ?? []).join(', '),
    fix: 'Name the hosts one by one: whoever can add a name below this one chooses an internal address.',
  };
}
