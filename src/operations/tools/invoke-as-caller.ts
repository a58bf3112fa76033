import { randomUUID } from 'node:crypto';
import type { ToolOutcome } from '../../agents/types.ts';
import { ownSessionKey } from '../access.ts';
import type { OperationContext } from '../define.ts';
import { ownRunId } from '../run-id.ts';

export interface ToolRequest {
  readonly tool: string;
  readonly args: unknown;
  readonly agent?: string | undefined;
  readonly sessionKey?: string | undefined;
  readonly idempotencyKey?: string | undefined;
}

/** One tool call outside a conversation, with the caller's own rights and in one of the caller's own sessions. */
export async function invokeAsCaller(context: OperationContext, request: ToolRequest): Promise<ToolOutcome> {
  const { caller, services, signal } = context;
  const { tool, args } = request;
  const { sessionKey, agent } = await ownSessionKey(context, request.sessionKey ?? 'main', request.agent);
  return services.turns.invokeTool(
    {
      space: caller.space,
      sessionKey,
      idempotencyKey: ownRunId(caller.space, request.idempotencyKey ?? randomUUID()),
      subject: { ...caller.subject, agent, tool },
      authority: caller.authority,
      trace: caller.trace,
      tool,
      args,
    },
    signal,
  );
}

/** Codes that such a call fails with before there is an outcome. */
export const INVOKE_ERRORS = [
  'OP_AGENT_UNKNOWN',
  'AUTH_AGENT_NOT_ALLOWED',
  'SESSION_KEY_INVALID',
  'TURN_NOT_RECORDED',
  'SANDBOX_UNAVAILABLE',
] as const;
