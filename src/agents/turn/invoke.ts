import type { ApprovalRecord } from '../../controls/execution/index.ts';
import { asGatehouseError } from '../../kernel/index.ts';
import { TOOL_CODES } from '../codes.ts';
import { agentOfKey } from '../sessions/keys.ts';
import type { ToolOutcome, TurnService } from '../types.ts';
import { allowedAgent, canonical } from './accept.ts';
import { requestApproval } from './approval.ts';
import type { ToolCallPart } from './context.ts';
import { makeTurn, type TurnHost } from './start.ts';
import { errorText, judge, perform } from './tool-call.ts';
import type { Turn } from './turn.ts';

type InvokeRequest = Parameters<TurnService['invokeTool']>[0];

/**
 * One tool call without a conversation. What needs a person is not waited for: the caller gets the approval's id,
 * and calls again once it is answered.
 */
export async function invokeTool(
  host: TurnHost,
  request: InvokeRequest,
  signal: AbortSignal,
): Promise<ToolOutcome> {
  const { ports } = host;
  const key = canonical(ports, request.sessionKey);
  const agent = agentOfKey(key);
  const policy = await allowedAgent(ports, request, agent, key);
  if (host.invoking.has(request.idempotencyKey))
    return toOutcome(errorText(TOOL_CODES.error('TOOL_IN_FLIGHT')));
  host.invoking.set(request.idempotencyKey, undefined);
  const session = await ports.sessions.open(request.space, key);
  const { subject, trace, taint = [], space, authority, timeoutMs } = request;
  const stored = { message: '', subject, trace, ...(timeoutMs === undefined ? {} : { timeoutMs }) };
  const entry = { runId: request.idempotencyKey, space, key, agent, digest: '', request: stored };
  // Nobody follows a call without a conversation: its answer is all there is to tell.
  const quiet = { ...host, publish: () => undefined };
  const turn = await makeTurn(quiet, { entry, policy, authority }, session.sessionId, {
    messages: [],
    taint: [...session.taint, ...taint],
    steps: 0,
    usage: { inputTokens: 0, outputTokens: 0 },
  });
  host.invoking.set(request.idempotencyKey, turn);
  const onAbort = () => turn.stop(asGatehouseError(signal.reason));
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  try {
    const call: ToolCallPart = {
      type: 'toolCall',
      id: request.idempotencyKey,
      name: request.tool,
      arguments: request.args,
    };
    return await callOnce(host, turn, call);
  } finally {
    signal.removeEventListener('abort', onAbort);
    turn.deadline.clear();
    host.invoking.delete(request.idempotencyKey);
  }
}

async function callOnce(host: TurnHost, turn: Turn, call: ToolCallPart): Promise<ToolOutcome> {
  const judged = await judge(host.ports, turn, call);
  if (judged.kind === 'refused') return toOutcome(judged.result);
  let approval: ApprovalRecord | undefined;
  if (judged.kind === 'ask') {
    try {
      approval = await requestApproval(host.ports, turn, judged.described, judged.decision);
    } catch (thrown) {
      return toOutcome(errorText(asGatehouseError(thrown)));
    }
    if (approval.status !== 'allowed') {
      const waiting = errorText(TOOL_CODES.error('TOOL_APPROVAL_REQUIRED'));
      return { ...toOutcome(waiting), requiresApproval: approval.id };
    }
  }
  const result = await perform(host.ports, turn, judged.described, approval);
  await turn.recorded();
  return toOutcome(result);
}

function toOutcome(result: {
  readonly isError: boolean;
  readonly text: string;
  readonly code?: string;
}): ToolOutcome {
  const { isError, text, code } = result;
  return { isError, text, ...(code === undefined ? {} : { code }) };
}
