import {
  type ApprovalBinding,
  type ApprovalOutcome,
  type ApprovalReach,
  type ApprovalRecord,
  type ApprovalRequest,
  bindingFiles,
  bindingHash,
} from '../../controls/execution/index.ts';
import { hideCredentials } from '../../controls/secrets/index.ts';
import { type Decision, decide, decideAll } from '../../kernel/index.ts';
import type { PreparedCall, Tool } from '../tools/define.ts';
import type { AgentPolicy } from '../types.ts';
import { diffOf } from './diff.ts';
import type { TurnPorts } from './ports.ts';
import {
  environmentOf,
  hasWayOut,
  mountsOf,
  sandboxDigest,
  secretsOf,
  workingDirectory,
} from './sandbox-run.ts';
import { incomingOf, labelsIn } from './sources.ts';
import type { Turn } from './turn.ts';

/** A call that is fully described: what runs, and what it was judged as. */
export interface DescribedCall {
  readonly id: string;
  readonly tool: Tool;
  readonly prepared: PreparedCall;
}

/** Everything that an approval of this call depends on, measured now (X5, attack 73). */
export async function bindingOf(ports: TurnPorts, turn: Turn, call: DescribedCall): Promise<ApprovalBinding> {
  const { tool, prepared } = call;
  const { policy, agent, sessionId } = turn.id;
  return {
    tool: tool.name,
    argv: prepared.argv,
    cwd: workingDirectory(policy),
    env: environmentOf(policy),
    files: await bindingFiles(prepared.files, mountsOf(policy)),
    sandbox: sandboxDigest(ports, turn, tool),
    agent,
    session: sessionId,
  };
}

/** Whether an approval is for this call as it is now. */
export async function isBoundTo(
  ports: TurnPorts,
  turn: Turn,
  call: DescribedCall,
  record: ApprovalRecord,
): Promise<boolean> {
  return record.bindingHash === bindingHash(await bindingOf(ports, turn, call));
}

/** The pending or already answered approval of this exact call. */
export async function requestApproval(
  ports: TurnPorts,
  turn: Turn,
  call: DescribedCall,
  decision: Decision,
  batch?: string,
): Promise<ApprovalRecord> {
  const { prepared, tool } = call;
  const { policy } = turn.id;
  const { commandText } = prepared;
  const title = withSecrets(prepared.title, secretsOf(ports, turn, tool, true));
  const commands = askedCommands(ports, turn, call, decision);
  const change = await diffOf(prepared, mountsOf(policy));
  const diff = change === undefined ? undefined : hideCredentials(turn.detector, change);
  const request: ApprovalRequest = {
    binding: await bindingOf(ports, turn, call),
    title,
    commandText,
    decision,
    subject: { ...turn.subject, tool: tool.name },
    ttlMs: policy.turn.approvalMs,
    reach: reachOf(policy, call),
    ...(batch === undefined ? {} : { batch }),
    ...(diff === undefined ? {} : { diff }),
    ...(commands === undefined ? {} : { commands }),
    ...(policy.approvers === undefined ? {} : { people: policy.approvers }),
  };
  const asked = await asksForTaint(ports, turn, call);
  const standing = asked ? undefined : await ports.approvals.standing(request);
  return standing ?? ports.approvals.request(request);
}

/** What the action names that it could touch, for the person who is asked. */
function reachOf(policy: AgentPolicy, { tool, prepared }: DescribedCall): ApprovalReach {
  const of = (kind: 'file.read' | 'file.write'): readonly string[] =>
    prepared.actions.flatMap((action) => (action.kind === kind ? [action.path] : []));
  const hosts = prepared.actions.flatMap((action) =>
    action.kind === 'net.connect' ? [`${action.host}:${action.port}`] : [],
  );
  return { hosts, network: hasWayOut(tool, policy), reads: of('file.read'), writes: of('file.write') };
}

/** The simple commands that a person is asked about, when that is all that is asked and all of it is understood. */
function askedCommands(
  ports: TurnPorts,
  turn: Turn,
  { tool, prepared }: DescribedCall,
  decision: Decision,
): readonly string[] | undefined {
  if (!tool.ownCommand || decision.code !== 'EXEC_COMMAND_ASK') return undefined;
  const asked: string[] = [];
  for (const action of prepared.actions) {
    const { effect } = decide(turn.authority(), turn.subject, action, ports.clock.now());
    if (effect === 'allow') continue;
    if (effect === 'deny' || action.kind !== 'exec' || action.unclear) return undefined;
    asked.push(action.command);
  }
  return asked;
}

/** Whoever approves a call approves that its run may use these. */
function withSecrets(title: string, secrets: readonly string[]): string {
  return secrets.length === 0 ? title : `${title} (may use ${secrets.join(', ')})`;
}

/** A standing approval was given before the session read untrusted text; it does not answer for that (X9). */
async function asksForTaint(ports: TurnPorts, turn: Turn, call: DescribedCall): Promise<boolean> {
  const actions = [{ kind: 'tool.call', tool: call.tool.name } as const, ...call.prepared.actions];
  const labels = labelsIn(await incomingOf(ports, turn, call.prepared));
  return decideAll(turn.taintAuthority(labels), turn.subject, actions, ports.clock.now()).effect !== 'allow';
}

/** Wait for the answer with the clock of the turn standing still. */
export async function awaitAnswer(
  ports: TurnPorts,
  turn: Turn,
  record: ApprovalRecord,
): Promise<ApprovalOutcome> {
  turn.deadline.pause();
  try {
    return await ports.approvals.wait(record.id, turn.signal);
  } finally {
    turn.deadline.resume();
  }
}
