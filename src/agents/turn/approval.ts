import { posix } from 'node:path';
import type { ApprovalBinding, ApprovalOutcome, ApprovalRecord } from '../../controls/execution/types.ts';
import { type Decision, decideAll } from '../../kernel/index.ts';
import { TOOL_CODES } from '../codes.ts';
import type { PreparedCall, Tool } from '../tools/define.ts';
import type { TurnPorts } from './ports.ts';
import { createRunner, digestFiles, environmentOf, sandboxDigest, workingDirectory } from './sandbox-run.ts';
import type { Turn } from './turn.ts';

/** Files that one approval is bound to. */
export const MAX_BOUND_FILES = 64;

/** A call that is fully described: what runs, and what it was judged as. */
export interface DescribedCall {
  readonly id: string;
  readonly tool: Tool;
  readonly prepared: PreparedCall;
}

/** Everything that an approval of this call depends on, measured now (X5, attack 73). */
export async function bindingOf(ports: TurnPorts, turn: Turn, call: DescribedCall): Promise<ApprovalBinding> {
  const { tool, prepared } = call;
  const cwd = workingDirectory(turn.id.policy);
  const reader = createRunner(ports, turn, { ...tool, network: false, ownCommand: false }, { id: call.id });
  const words = (prepared.words ?? []).map((word) => posix.resolve(cwd, word));
  const named = new Set(prepared.files);
  const digests = await digestFiles(reader, [...new Set([...prepared.files, ...words])].sort());
  const files = Object.entries(digests).filter(([path, sum]) => named.has(path) || sum.length === 64);
  if (files.length > MAX_BOUND_FILES) throw TOOL_CODES.error('TOOL_TOO_MANY_FILES');
  return {
    tool: tool.name,
    argv: prepared.argv,
    cwd,
    env: environmentOf(turn.id.policy),
    files: Object.fromEntries(files),
    sandbox: sandboxDigest(ports, turn, tool),
    agent: turn.id.agent,
    session: turn.id.sessionId,
  };
}

/** An approval, and whether it is one that covers this action until it ends, so that using it consumes nothing. */
export interface FoundApproval {
  readonly record: ApprovalRecord;
  readonly standing: boolean;
}

/** The pending or already answered approval of this exact call. */
export async function requestApproval(
  ports: TurnPorts,
  turn: Turn,
  call: DescribedCall,
  decision: Decision,
): Promise<FoundApproval> {
  const { prepared, tool } = call;
  const binding = await bindingOf(ports, turn, call);
  const standing = asksForTaint(ports, turn, call) ? undefined : await ports.approvals.standing(binding);
  if (standing !== undefined) return { record: standing, standing: true };
  const subject = { ...turn.subject, tool: tool.name };
  const { title, commandText } = prepared;
  const record = await ports.approvals.request({ binding, title, commandText, decision, subject });
  return { record, standing: false };
}

/** A standing approval was given before the session read untrusted text; it does not answer for that (X9). */
function asksForTaint(ports: TurnPorts, turn: Turn, call: DescribedCall): boolean {
  const actions = [{ kind: 'tool.call', tool: call.tool.name } as const, ...call.prepared.actions];
  return decideAll(turn.taintAuthority(), turn.subject, actions, ports.clock.now()).effect !== 'allow';
}

/** Wait for the answer with the clock of the turn standing still, at most as long as the agent's policy says. */
export async function awaitAnswer(
  ports: TurnPorts,
  turn: Turn,
  record: ApprovalRecord,
): Promise<ApprovalOutcome> {
  const { promise: timedOut, resolve } = Promise.withResolvers<ApprovalOutcome>();
  const late = new AbortController();
  const timer = setTimeout(() => {
    resolve({ kind: 'expired', approvalId: record.id });
    late.abort();
  }, turn.id.policy.turn.approvalMs);
  turn.deadline.pause();
  try {
    const signal = AbortSignal.any([turn.signal, late.signal]);
    const answered = ports.approvals.wait(record.id, signal);
    answered.catch(() => undefined);
    return await Promise.race([answered, timedOut]);
  } finally {
    clearTimeout(timer);
    turn.deadline.resume();
  }
}
