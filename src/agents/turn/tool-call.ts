import { type ApprovalRecord, EXECUTION_CODES, runsLater } from '../../controls/execution/index.ts';
import { hideCredentials, hideIn } from '../../controls/secrets/index.ts';
import {
  asGatehouseError,
  type Decision,
  decide,
  decideAll,
  GatehouseError,
  type TaintLabel,
} from '../../kernel/index.ts';
import { TOOL_CODES } from '../codes.ts';
import type { Tool, ToolText } from '../tools/define.ts';
import { failure } from '../tools/output.ts';
import { bindingOf, type DescribedCall } from './approval.ts';
import type { ToolCallPart } from './context.ts';
import { askedText, askForNamed } from './egress-questions.ts';
import { exposedTo } from './exposure.ts';
import type { TurnPorts } from './ports.ts';
import { createRunner, foldersOf, workingDirectory } from './sandbox-run.ts';
import { type Incoming, incomingOf, labelsIn } from './sources.ts';
import type { Turn } from './turn.ts';
import { writing } from './written.ts';

/** A call after the rules were asked. */
export type Judged =
  | { readonly kind: 'refused'; readonly call: ToolCallPart; readonly result: ToolText }
  | {
      readonly kind: 'allow' | 'ask';
      readonly call: ToolCallPart;
      readonly described: DescribedCall;
      readonly decision: Decision;
    };

const SEVERITY = { allow: 0, ask: 1, deny: 2 } as const;

/**
 * Parse, describe and decide one call with the authority of this moment. The decision is in the ledger before
 * this returns; what cannot be described is refused. Throws TURN_NOT_RECORDED.
 */
export async function judge(ports: TurnPorts, turn: Turn, call: ToolCallPart): Promise<Judged> {
  const where = `arguments of ${call.name.slice(0, 64)}`;
  ports.tripwire?.trips(JSON.stringify(call.arguments) ?? '', { where, subject: turn.subject });
  const described = await describe(ports, turn, call);
  if (described instanceof GatehouseError) {
    await note(turn, call, {
      effect: 'deny',
      code: described.code,
      rule: 'tools/arguments',
      reason: described.message,
    });
    return { kind: 'refused', call, result: errorText(described) };
  }
  const incoming = await incomingOf(ports, turn, described.prepared);
  const decision = decisionOn(ports, turn, described, labelsIn(incoming));
  await note(turn, call, decision);
  if (decision.effect === 'deny') {
    const refusal = refusalText(decision);
    const asked = await askForNamed(ports, turn, described);
    return { kind: 'refused', call, result: { ...refusal, text: `${refusal.text}${asked}` } };
  }
  return { kind: decision.effect, call, described, decision };
}

/** What would be asked for a call if it came now: nothing is recorded, and nothing follows from it. */
export async function foresee(
  ports: TurnPorts,
  turn: Turn,
  call: ToolCallPart,
): Promise<{ readonly described: DescribedCall; readonly decision: Decision } | undefined> {
  const described = await describe(ports, turn, call);
  if (described instanceof GatehouseError) return undefined;
  const incoming = await incomingOf(ports, turn, described.prepared);
  const decision = decisionOn(ports, turn, described, labelsIn(incoming));
  return decision.effect === 'ask' ? { described, decision } : undefined;
}

/** The strictest of the tool's own rule and the rules of what it would do. */
function decisionOn(
  ports: TurnPorts,
  turn: Turn,
  { tool, prepared }: DescribedCall,
  incoming: readonly TaintLabel[],
  taint: readonly TaintLabel[] = turn.taint,
): Decision {
  const authority = turn.authority(incoming, taint);
  const now = ports.clock.now();
  const subject = { ...turn.subject, tool: tool.name };
  const named = decide(authority, subject, { kind: 'tool.call', tool: tool.name }, now);
  const specific =
    prepared.decide?.(authority, subject, now) ?? decideAll(authority, subject, prepared.actions, now);
  const strictest = SEVERITY[specific.effect] >= SEVERITY[named.effect] ? specific : named;
  return strictest.effect === 'allow' ? withoutRunningLater(strictest, prepared) : strictest;
}

/** What is allowed inside may still be run outside, by whoever opens the workspace there (attacks 65 and 66). */
function withoutRunningLater(allowed: Decision, { actions }: DescribedCall['prepared']): Decision {
  const found = actions.find((action) => action.kind === 'file.write' && runsLater(action.path));
  if (found === undefined) return allowed;
  const { code, message } = EXECUTION_CODES.error('EXEC_FILE_RUNS_LATER');
  return { ...allowed, effect: 'ask', code, rule: 'files/runs-later', reason: message };
}

async function describe(
  ports: TurnPorts,
  turn: Turn,
  call: ToolCallPart,
): Promise<DescribedCall | GatehouseError> {
  const tool = ports.tools.find((item) => item.name === call.name);
  if (tool === undefined) return TOOL_CODES.error('TOOL_UNKNOWN', `there is no tool named ${call.name}`);
  const problem = await argumentProblem(tool, call.arguments);
  if (problem !== undefined) return TOOL_CODES.error('TOOL_ARGUMENTS_INVALID', problem);
  if (tool.name === 'web_fetch' && turn.id.policy.egress !== true) return TOOL_CODES.error('TOOL_NO_WAY_OUT');
  try {
    return {
      id: call.id,
      tool,
      prepared: tool.prepare(call.arguments, { cwd: workingDirectory(turn.id.policy) }),
    };
  } catch (thrown) {
    const error = asGatehouseError(thrown);
    if (error.code === 'KERNEL_INTERNAL')
      ports.logger.error('a tool call could not be described', { cause: `${thrown}` });
    return error;
  }
}

async function argumentProblem(tool: Tool, args: unknown): Promise<string | undefined> {
  const { Value } = await import('typebox/value');
  if (Value.Check(tool.parameters, args)) return undefined;
  const problems = Value.Errors(tool.parameters, args)
    .slice(0, 3)
    .map((error) => `${error.instancePath || '/'} ${error.message}`);
  return `the arguments do not fit the schema of ${tool.name}: ${problems.join('; ')}`;
}

/** Ledger first, then everybody else. */
async function note(
  turn: Turn,
  call: ToolCallPart,
  decision: Pick<Decision, 'effect' | 'code' | 'rule' | 'reason'> & { readonly authorityHash?: string },
): Promise<void> {
  const { effect, code, rule, reason, authorityHash } = decision;
  void turn.record({
    type: 'decision',
    action: 'tool.call',
    outcome: effect,
    code,
    rule,
    tool: call.name,
    ...(authorityHash === undefined ? {} : { authorityHash }),
    data: { call: call.id },
  });
  await turn.recorded();
  const { id: callId, name: tool, arguments: args } = call;
  const shown = hideIn(turn.detector, args);
  turn.emit({ type: 'tool.requested', callId, tool, args: shown, effect, code, rule, reason });
}

function refusalText(decision: Decision): ToolText {
  return {
    isError: true,
    code: decision.code,
    text: `Refused: ${decision.code} by rule ${decision.rule}: ${decision.reason}. Do not try to get around it. If it is needed, tell the user that an operator can allow it in this agent's playbook, naming this code and rule.`,
  };
}

export function errorText(error: GatehouseError): ToolText {
  return { isError: true, code: error.code, text: `${error.message} (${error.code}). ${error.fix}` };
}

/** Do a call; one whose approval is bound to the content of files has their folders for itself (attack 73). */
export async function perform(
  ports: TurnPorts,
  turn: Turn,
  described: DescribedCall,
  approval?: ApprovalRecord,
): Promise<ToolText> {
  if (approval === undefined || Object.keys(approval.binding.files).length === 0) {
    return performNow(ports, turn, described, approval, false);
  }
  let leave: () => void;
  try {
    leave = await ports.workspaces.enter(foldersOf(turn.id.policy), 'alone', turn.signal);
  } catch (thrown) {
    return stoppedBefore(ports, turn, thrown);
  }
  try {
    return await performNow(ports, turn, described, approval, true);
  } finally {
    leave();
  }
}

/**
 * Run a call that was allowed, or approved by `approval`: the approval is consumed against the binding as it is
 * now, the start is durable in the ledger, and only then anything happens (attacks 73, 76, 98). Throws
 * TURN_NOT_RECORDED; every other failure becomes the result.
 */
async function performNow(
  ports: TurnPorts,
  turn: Turn,
  described: DescribedCall,
  approval: ApprovalRecord | undefined,
  alone: boolean,
): Promise<ToolText> {
  const { tool, prepared, id } = described;
  let incoming: readonly Incoming[];
  try {
    turn.signal.throwIfAborted();
    incoming = await incomingOf(ports, turn, prepared);
    const again = decisionOn(ports, turn, described, labelsIn(incoming));
    if (again.effect === 'deny') return refusalText(again);
    if (again.effect === 'ask' && approval === undefined) return failure('TOOL_APPROVAL_REQUIRED');
    if (approval !== undefined) {
      await ports.approvals.consume(approval.id, await bindingOf(ports, turn, described));
    }
  } catch (thrown) {
    return stoppedBefore(ports, turn, thrown);
  }
  try {
    await ports.budget.spend(turn.spender(), { runs: 1 });
  } catch (thrown) {
    return stoppedBefore(ports, turn, thrown);
  }
  void turn.record({
    type: 'tool',
    action: 'tool.started',
    outcome: 'started',
    tool: tool.name,
    data: { call: id, ...(approval === undefined ? {} : { approval: approval.id }) },
  });
  await turn.recorded();
  turn.signal.throwIfAborted();
  turn.started.add(id);
  turn.emit({ type: 'tool.started', callId: id, tool: tool.name });
  const since = ports.clock.monotonic();
  const result = await executed(ports, turn, described, incoming, alone, approval !== undefined);
  const durationMs = Math.round(ports.clock.monotonic() - since);
  void turn.record({
    type: 'tool',
    action: 'tool.finished',
    outcome: result.isError ? 'failure' : 'success',
    tool: tool.name,
    ...(result.code === undefined ? {} : { code: result.code }),
    data: {
      call: id,
      ms: durationMs,
      characters: result.text.length,
      title: hideCredentials(turn.detector, prepared.title),
    },
  });
  return result;
}

async function executed(
  ports: TurnPorts,
  turn: Turn,
  described: DescribedCall,
  incoming: readonly Incoming[],
  alone: boolean,
  approved: boolean,
): Promise<ToolText> {
  const { tool, prepared, id } = described;
  const { timeoutMs } = prepared;
  // What the call itself brings in was weighed before it began, and is the session's from here on.
  const before = turn.taint;
  const ended = new AbortController();
  const forget = turn.watch(() => {
    const { effect } = decisionOn(ports, turn, described, labelsIn(incoming), before);
    if (effect === 'deny' || (effect === 'ask' && !approved))
      ended.abort(TOOL_CODES.error('TOOL_RIGHT_ENDED'));
  });
  const signal = AbortSignal.any([turn.signal, ended.signal]);
  const facts = { id, alone, approved, signal, ...(timeoutMs === undefined ? {} : { timeoutMs }) };
  const runner = createRunner(ports, turn, tool, facts);
  for (const { labels, source } of incoming) turn.addTaint(labels, source);
  const written = await writing(ports, turn, described);
  const result = await prepared
    .execute(runner)
    .then((text) => (ended.signal.aborted ? errorText(asGatehouseError(ended.signal.reason)) : text))
    .catch((thrown: unknown) =>
      stoppedBefore(ports, turn, ended.signal.aborted ? ended.signal.reason : thrown),
    )
    .finally(forget);
  const exposed = exposedTo(turn.id.policy, described, runner, result);
  for (const { labels, source } of exposed) turn.addTaint(labels, source);
  await written();
  const taint = labelsIn([...incoming, ...exposed]);
  // Before the model, a person or a record sees it (K5).
  ports.tripwire?.trips(result.text, { where: `the result of ${tool.name}`, subject: turn.subject });
  const text = `${hideCredentials(turn.detector, result.text)}${askedText(runner.asked())}`;
  return taint.length === 0 ? { ...result, text } : { ...result, text, taint };
}

function stoppedBefore(ports: TurnPorts, turn: Turn, thrown: unknown): ToolText {
  if (turn.signal.aborted) return failure('TOOL_STOPPED', 'the turn was ended');
  const error = asGatehouseError(thrown);
  if (error.code === 'TURN_NOT_RECORDED') throw error;
  if (error.code === 'KERNEL_INTERNAL') ports.logger.error('a tool failed', { cause: `${thrown}` });
  return errorText(error);
}
