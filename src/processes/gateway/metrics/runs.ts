import type { Sandbox } from '../../../kernel/index.ts';

/** Runs in sandboxes since the process began. */
export interface RunCounts {
  readonly open: number;
  /** By how they ended: the ends that the port names, and `refused` for those that never began. */
  readonly ended: ReadonlyMap<string, number>;
}

/** The same sandbox, with what it does counted. */
export function countedSandbox<Port extends Sandbox>(
  sandbox: Port,
): { readonly sandbox: Port; readonly runs: RunCounts } {
  const ended = new Map<string, number>();
  const count = (end: string) => void ended.set(end, (ended.get(end) ?? 0) + 1);
  const runs = { open: 0, ended };
  const counted: Port = {
    ...sandbox,
    async run(...call: Parameters<Sandbox['run']>) {
      runs.open += 1;
      try {
        const result = await sandbox.run(...call);
        count(result.end);
        return result;
      } catch (thrown) {
        count('refused');
        throw thrown;
      } finally {
        runs.open -= 1;
      }
    },
  };
  return { sandbox: counted, runs };
}
