import {
  type ApprovalBinding,
  type ApprovalOutcome,
  type ApprovalRecord,
  bindingFiles,
} from '../../controls/execution/index.ts';
import { type Decision, decideAll } from '../../kernel/index.ts';
import type { PreparedCall, Tool } from '../tools/define.ts';
import type { TurnPorts } from './ports.ts';
import { environmentOf, mountsOf, sandboxDigest, secretsOf, workingDirectory } from './sandbox-run.ts';
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

/** The pending or already answered approval of this exact call. */
export async function requestApproval(
  ports: TurnPorts,
  turn: Turn,
  call: DescribedCall,
  decision: Decision,
): Promise<ApprovalRecord> {
  const { prepared, tool } = call;
  const binding = await bindingOf(ports, turn, call);
  const asked = await asksForTaint(ports, turn, call);
  const standing = asked ? undefined : await ports.approvals.standing(binding);
  if (standing !== undefined) return standing;
  const subject = { ...turn.subject, tool: tool.name };
  const { commandText } = prepared;
  const title = withSecrets(prepared.title, secretsOf(ports, turn, tool, true));
  const ttlMs = turn.id.policy.turn.approvalMs;
  return ports.approvals.request({ binding, title, commandText, decision, subject, ttlMs });
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
