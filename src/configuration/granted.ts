import { type Grant, grantTo, withGrants } from '../kernel/index.ts';
import type { EffectiveConfig } from './types.ts';

/** The same configuration while these grants are in force: layers that one names are widened, nothing else changes. */
export function withCommandGrants(effective: EffectiveConfig, grants: readonly Grant[]): EffectiveConfig {
  if (grants.length === 0) return effective;
  const agents = [...effective.agents].map(([agent, policy]) => {
    const opens = grants.some(
      ({ kind, layer, subject }) =>
        kind === 'net.connect' &&
        layer === `playbook:${policy.playbook}` &&
        (subject?.agent === undefined || subject.agent === agent),
    );
    const authority = withGrants(policy.authority, grants);
    const filed = policy.authority.hash;
    return [
      agent,
      Object.freeze({ ...policy, authority, filed, ...(opens ? { egress: true } : {}) }),
    ] as const;
  });
  return Object.freeze({
    ...effective,
    ceiling: grantTo(effective.ceiling, grants),
    agents: new Map(agents),
  });
}
