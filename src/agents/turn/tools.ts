import type { ApprovalRecord } from '../../controls/execution/index.ts';
import { GatehouseError } from '../../kernel/index.ts';
import type { NewMessage } from '../sessions/rows.ts';
import type { ToolText } from '../tools/define.ts';
import { failure } from '../tools/output.ts';
import { awaitAnswer, isBoundTo, requestApproval } from './approval.ts';
import type { ToolCallPart } from './context.ts';
import type { TurnPorts } from './ports.ts';
import { errorText, foresee, type Judged, judge, perform } from './tool-call.ts';
import type { Turn } from './turn.ts';

/** Reads that run at once. */
export const MAX_PARALLEL_TOOLS = 4;

/** Calls of one step that are judged with the same authority and may run at once. */
function batches(ports: TurnPorts, calls: readonly ToolCallPart[]): readonly (readonly ToolCallPart[])[] {
  const grouped: ToolCallPart[][] = [];
  let reading = false;
  for (const call of calls) {
    const reads = ports.tools.find((tool) => tool.name === call.name)?.effect === 'read';
    const last = grouped.at(-1);
    if (reads && reading && last !== undefined && last.length < MAX_PARALLEL_TOOLS) last.push(call);
    else grouped.push([call]);
    reading = reads;
  }
  return grouped;
}

/**
 * Do what the model asked for and commit the results. Within a batch everything is decided and answered before
 * anything starts, so that a turn that waits for a person has nothing under way: that is what makes it safe to
 * go on after a restart.
 */
export async function runTools(ports: TurnPorts, turn: Turn, calls: readonly ToolCallPart[]): Promise<void> {
  const results: NewMessage[] = [];

  async function flush(status?: 'waiting' | 'running'): Promise<void> {
    if (results.length === 0 && status === undefined) return;
    const messages = results.splice(0);
    await turn.commit({ messages, taint: turn.taint, ...(status === undefined ? {} : { status }) });
    for (const message of messages)
      if (message.role === 'toolResult') turn.started.delete(message.toolCallId);
  }

  const batch = await askTogether(ports, turn, calls);

  async function answered(judged: Judged): Promise<ApprovalRecord | ToolText | undefined> {
    if (judged.kind !== 'ask') return undefined;
    try {
      const early = batch.get(judged.call.id);
      const found = await currentApproval(ports, turn, judged, early);
      if (found.status === 'denied') return failure('TOOL_APPROVAL_DENIED');
      if (found.status === 'allowed') return found;
      if (turn.status !== 'waiting') await flush('waiting');
      return await ask(ports, turn, judged, found);
    } catch (thrown) {
      turn.signal.throwIfAborted();
      if (thrown instanceof GatehouseError) return errorText(thrown);
      throw thrown;
    }
  }

  try {
    for (const batch of batches(ports, calls)) {
      const judged = await Promise.all(batch.map((call) => judge(ports, turn, call)));
      const approvals = await Promise.all(judged.map(answered));
      turn.signal.throwIfAborted();
      // Durable before anything starts: a restart from here on must not take the turn for one that waits.
      if (turn.status === 'waiting') await flush('running');
      const done = judged.map((item, index) => complete(ports, turn, item, approvals[index]));
      const settled = await Promise.allSettled(done);
      results.push(...settled.flatMap((item) => (item.status === 'fulfilled' ? [item.value] : [])));
      const failed = settled.find((item) => item.status === 'rejected');
      if (failed !== undefined) throw failed.reason;
    }
  } finally {
    if (turn.status !== 'waiting') await flush();
  }
  await turn.recorded();
}

/**
 * Several calls of one answer that need a person are asked for at once, so that they can be read and answered
 * together; each is still bound, consumed and recorded by itself. What is asked here is decided again when its turn
 * comes, because what runs before it may take authority away or change the files that it is bound to.
 */
async function askTogether(
  ports: TurnPorts,
  turn: Turn,
  calls: readonly ToolCallPart[],
): Promise<ReadonlyMap<string, string>> {
  const asked = new Map<string, string>();
  if (calls.length < 2 || turn.signal.aborted) return asked;
  const wanted = await Promise.all(calls.map((call) => foresee(ports, turn, call)));
  const waiting = wanted.filter((item) => item !== undefined);
  if (waiting.length < 2) return asked;
  const batch = ports.random.uuid();
  for (const { described, decision } of waiting) {
    try {
      const record = await requestApproval(ports, turn, described, decision, batch);
      asked.set(described.id, record.id);
    } catch {
      // Asked again, and refused with its reason, when its turn comes.
    }
  }
  return asked;
}

/** The approval that was asked for early, while it is still for this very action; a new one otherwise. */
async function currentApproval(
  ports: TurnPorts,
  turn: Turn,
  judged: Extract<Judged, { kind: 'allow' | 'ask' }>,
  early: string | undefined,
): Promise<ApprovalRecord> {
  const known = early === undefined ? undefined : await ports.approvals.get(early);
  const answered = known?.status === 'denied' || known?.status === 'expired';
  if (known !== undefined && answered && (await isBoundTo(ports, turn, judged.described, known)))
    return known;
  return requestApproval(ports, turn, judged.described, judged.decision, known?.batch ?? undefined);
}

async function complete(
  ports: TurnPorts,
  turn: Turn,
  judged: Judged,
  approval: ApprovalRecord | ToolText | undefined,
): Promise<NewMessage> {
  const { call } = judged;
  const since = ports.clock.monotonic();
  const result =
    judged.kind === 'refused'
      ? judged.result
      : approval !== undefined && 'isError' in approval
        ? approval
        : await perform(ports, turn, judged.described, approval);
  const durationMs = Math.round(ports.clock.monotonic() - since);
  const { isError, text, taint } = result;
  turn.emit({ type: 'tool.finished', callId: call.id, tool: call.name, isError, text, durationMs });
  return {
    role: 'toolResult',
    toolCallId: call.id,
    toolName: call.name,
    content: text,
    isError,
    taint: taint ?? [],
  };
}

async function ask(
  ports: TurnPorts,
  turn: Turn,
  judged: Extract<Judged, { kind: 'allow' | 'ask' }>,
  found: ApprovalRecord,
): Promise<ApprovalRecord | ToolText> {
  const { id: approvalId, commandText, expiresAt, batch, diff, people } = found;
  if (found.status === 'expired') return failure('TOOL_APPROVAL_EXPIRED');
  turn.emit({ type: 'status', phase: 'waiting_approval' });
  turn.emit({
    type: 'tool.approval',
    callId: judged.call.id,
    approvalId,
    commandText,
    expiresAt,
    batch,
    diff,
    people,
  });
  const outcome = await awaitAnswer(ports, turn, found);
  turn.signal.throwIfAborted();
  if (outcome.kind === 'allowed') return found;
  return failure(outcome.kind === 'expired' ? 'TOOL_APPROVAL_EXPIRED' : 'TOOL_APPROVAL_DENIED');
}
