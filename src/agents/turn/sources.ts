import { isPrivatePath, locateFiles } from '../../controls/execution/index.ts';
import { joinTaint, type Mount, type TaintLabel } from '../../kernel/index.ts';
import { labelsOf } from '../provenance/files.ts';
import type { PreparedCall } from '../tools/define.ts';
import type { TurnPorts } from './ports.ts';
import { mountsOf, workingDirectory } from './sandbox-run.ts';
import type { Turn } from './turn.ts';

/** Labels that a call brings in, and from where: what a person reads in `sessions show`. */
export interface Incoming {
  readonly labels: readonly TaintLabel[];
  readonly source: string;
}

/** Sandbox paths that the call reads for certain or may read, as far as its words say. */
function wordsOf({ actions, files, reach }: PreparedCall): readonly string[] {
  const read = actions.flatMap((action) => (action.kind === 'file.read' ? [action.path] : []));
  if (reach === undefined) return read;
  return [...read, ...files.certain, ...(reach === 'nothing' ? [] : files.possible)];
}

/** Places of the host that the call may read, each with the paths of the sandbox that lead there. */
async function placesOf(turn: Turn, prepared: PreparedCall) {
  const mounts = mountsOf(turn.id.policy);
  const named = await locateFiles(wordsOf(prepared), mounts);
  const { reach } = prepared;
  // Named nothing that exists: then it reads what lies where it starts.
  const wide = reach === 'anything' ? mounts.map(({ target }) => target) : [workingDirectory(turn.id.policy)];
  const around = reach === 'anything' || (reach === 'names' && named.length === 0);
  return { named, all: around ? [...named, ...(await locateFiles(wide, mounts))] : named };
}

/**
 * What a call is going to read that carries a label, known before it runs: files that a labelled session wrote
 * (attack 86), and files that hold what must not leave. A program that decides for itself what it reads may read all
 * that lies in its folders.
 */
export async function incomingOf(
  ports: TurnPorts,
  turn: Turn,
  prepared: PreparedCall,
): Promise<readonly Incoming[]> {
  const { policy } = turn.id;
  const mounts = mountsOf(policy);
  if (mounts.length === 0) return [];
  const { named, all } = await placesOf(turn, prepared);
  const found: Incoming[] = [];
  const tainted = await ports.sessions.provenance.among(all.map(({ host }) => host));
  const [first] = tainted;
  if (first !== undefined) {
    const more = tainted.length > 1 ? ` and ${tainted.length - 1} more` : '';
    found.push({
      labels: labelsOf(tainted),
      source: `file ${inside(first.path, mounts)}${more}, written after: ${first.source}`,
    });
  }
  const patterns = policy.private ?? [];
  const paths = named.flatMap(({ path, host }) => [path, inside(host, mounts)]);
  const secret = paths.find((path) => isPrivatePath(path, patterns));
  const kept = secret ?? (prepared.reach === 'anything' ? patterns[0] : undefined);
  if (kept !== undefined) found.push({ labels: ['private'], source: `file ${kept}` });
  return found;
}

/** The path as the model and the operator know it. */
function inside(host: string, mounts: readonly Mount[]): string {
  const mount = mounts.find(({ source }) => host === source || host.startsWith(`${source}/`));
  return mount === undefined ? host : mount.target + host.slice(mount.source.length);
}

export function labelsIn(incoming: readonly Incoming[]): readonly TaintLabel[] {
  return joinTaint(...incoming.map(({ labels }) => labels));
}
