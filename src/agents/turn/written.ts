import { locateFiles } from '../../controls/execution/index.ts';
import { joinTaint } from '../../kernel/index.ts';
import type { Writer } from '../provenance/files.ts';
import type { DescribedCall } from './approval.ts';
import type { TurnPorts } from './ports.ts';
import { mountsOf } from './sandbox-run.ts';
import type { Turn } from './turn.ts';

function writerOf(turn: Turn): Writer {
  const { sessionId, runId } = turn.id;
  return { session: sessionId, run: runId, labels: turn.taint, source: turn.taintSource };
}

/**
 * Files that a labelled session writes carry its labels to whoever reads them (X9, attack 86). Call before the run, and
 * what it returns after it. A command may write anywhere in its folders, so those are compared; it is known before it
 * starts, so that a crash does not make it forgotten.
 */
export async function writing(
  ports: TurnPorts,
  turn: Turn,
  { id, tool, prepared }: DescribedCall,
): Promise<() => Promise<void>> {
  const { provenance } = ports.sessions;
  const mounts = mountsOf(turn.id.policy);
  const writable = mounts.filter(({ mode }) => mode === 'rw');
  if (tool.effect !== 'write' || prepared.changesNothing === true || writable.length === 0)
    return async () => {};
  if (!tool.ownCommand) {
    return async () => {
      const paths = prepared.actions.flatMap((action) => (action.kind === 'file.write' ? [action.path] : []));
      if (turn.taint.length === 0) return;
      const files = await locateFiles(paths, mounts);
      await provenance.recordFiles(
        files.map(({ host }) => host),
        writerOf(turn),
      );
    };
  }
  const call = `${turn.id.runId}/${id}`;
  const writer = writerOf(turn);
  // Cut off by a crash, a run that had a way out may have used it.
  const labels = turn.id.policy.egress === true ? joinTaint(writer.labels, ['untrusted']) : writer.labels;
  await provenance.begin(
    call,
    writable.map(({ source }) => source),
    { ...writer, labels },
  );
  return () => provenance.end(call, writerOf(turn));
}
