import type { Issues } from '../issues.ts';
import type { ConfigInput } from '../schema.ts';

/**
 * A bind that no machine could open is an error of the file, not of the next start (L1, D1). Egress loads the same
 * files and listens nowhere: the control is loaded only where a bind is written.
 */
export async function checkBinds({ gateway }: ConfigInput, issues: Issues): Promise<void> {
  const listeners = Object.entries(gateway?.listeners ?? {}).map(
    ([name, listener]) => [['gateway', 'listeners', name, 'bind'], listener?.bind] as const,
  );
  const written = [[['gateway', 'bind'], gateway?.bind] as const, ...listeners].filter(
    ([, bind]) => bind !== undefined && bind !== 'loopback',
  );
  if (written.length === 0) return;
  const { bindProblem } = await import('../../controls/listen/index.ts');
  for (const [path, bind = ''] of written) {
    const problem = bindProblem(bind);
    if (problem === undefined) continue;
    issues.error(path, 'CONFIG_BIND_INVALID', { message: `${JSON.stringify(bind)}: ${problem}` });
  }
}
