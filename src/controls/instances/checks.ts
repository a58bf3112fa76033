import type { Finding } from '../../kernel/index.ts';
import { collisions, type Instance } from './rules.ts';

/** Instances that are in each other's way (D11). */
export function checkInstances(instances: readonly Instance[]): readonly Finding[] {
  return instances.flatMap((one, index) =>
    instances.slice(index + 1).flatMap((other) =>
      collisions(one, other).map(
        (what): Finding => ({
          id: 'INSTANCES_COLLIDE',
          severity: 'high',
          title: `the instances ${one.name} and ${other.name} share ${what}`,
          expected: 'a home, four ports and a unit for each',
          found: what,
          fix: 'gatehouse instances remove one of them and add it again with its own home and port.',
          requirements: ['D11'],
        }),
      ),
    ),
  );
}
