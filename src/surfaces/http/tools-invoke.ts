import type { FastifyInstance, FastifyReply } from 'fastify';
import type { ToolOutcome } from '../../agents/types.ts';
import { BODY_LIMITS } from '../../controls/listen/index.ts';
import { asGatehouseError, type GatehouseError } from '../../kernel/index.ts';
import type { HttpSurfaceParts, RequestState } from './parts.ts';
import { disconnectSignal } from './stream-writer.ts';

/**
 * Tools that run programs, change files or reach other sessions are not offered over this path, whatever the
 * playbook says (protocol d.4); they answer like tools that do not exist.
 */
const HIDDEN: ReadonlySet<string> = new Set([
  'shell',
  'exec',
  'spawn',
  'process',
  'write',
  'edit',
  'apply_patch',
  'cron',
  'gateway',
  'nodes',
  'sessions_send',
  'sessions_spawn',
]);

const NOT_FOUND_CODES: ReadonlySet<string> = new Set(['TOOL_UNKNOWN', 'TOOL_NOT_ALLOWED']);

interface Invocation {
  readonly tool: string;
  readonly args: Readonly<Record<string, unknown>>;
  readonly sessionKey?: string;
  readonly agent?: string;
  readonly idempotencyKey?: string;
}

function textOf(body: Readonly<Record<string, unknown>>, key: string): string | undefined {
  const value = body[key];
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The call that a body asks for, or what is wrong with it. */
function readInvocation(body: unknown): Invocation | string {
  if (!isRecord(body)) return 'the body must be a JSON object';
  const tool = textOf(body, 'tool') ?? textOf(body, 'name');
  if (tool === undefined) return 'tool is required';
  const args = body['args'] ?? {};
  if (!isRecord(args)) return 'args must be an object';
  const action = textOf(body, 'action');
  const sessionKey = textOf(body, 'sessionKey');
  const agent = textOf(body, 'agentId');
  const idempotencyKey = textOf(body, 'idempotencyKey');
  return {
    tool,
    args: action === undefined || 'action' in args ? args : { ...args, action },
    ...(sessionKey === undefined ? {} : { sessionKey }),
    ...(agent === undefined ? {} : { agent }),
    ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
  };
}

function failed(
  reply: FastifyReply,
  status: number,
  type: string,
  message: string,
  more: object = {},
): object {
  reply.code(status);
  return { ok: false, error: { type, message, ...more } };
}

function notFound(reply: FastifyReply): object {
  return failed(reply, 404, 'not_found', 'there is no such tool here');
}

function answer(reply: FastifyReply, outcome: ToolOutcome): object {
  const { isError, text, code, requiresApproval, details } = outcome;
  if (!isError) {
    const result = { content: [{ type: 'text', text }], ...(details === undefined ? {} : { details }) };
    return { ok: true, result };
  }
  if (code !== undefined && NOT_FOUND_CODES.has(code)) return notFound(reply);
  if (requiresApproval !== undefined)
    return failed(reply, 403, 'forbidden', text, { code, requiresApproval });
  if (code !== undefined && /_(DENIED|NOT_ALLOWED|ASK)$/.test(code)) {
    return failed(reply, 403, 'forbidden', text, { code });
  }
  if (code === 'TOOL_ARGUMENTS_INVALID') return failed(reply, 400, 'invalid_request', text, { code });
  return failed(reply, 500, 'tool_error', text, code === undefined ? {} : { code });
}

function thrownAnswer(reply: FastifyReply, error: GatehouseError): object {
  if (NOT_FOUND_CODES.has(error.code)) return notFound(reply);
  // An unknown agent is the request's mistake here, and 404 already means the tool.
  const status = error.status === 404 ? 400 : error.status;
  const type = status === 403 ? 'forbidden' : status >= 500 ? 'api_error' : 'invalid_request';
  return failed(reply, status, type, error.message, { code: error.code });
}

/** OpenClaw's `POST /tools/invoke`, over the operation tools.invoke. */
export function addToolsInvoke(app: FastifyInstance, parts: HttpSurfaceParts, state: RequestState): void {
  app.post(
    '/tools/invoke',
    { bodyLimit: BODY_LIMITS.toolInvoke, onRequest: state.authenticate },
    async (request, reply) => {
      const invocation = readInvocation(request.body);
      if (typeof invocation === 'string') return failed(reply, 400, 'invalid_request', invocation);
      if (HIDDEN.has(invocation.tool.toLowerCase())) return notFound(reply);
      const signal = disconnectSignal(reply.raw);
      try {
        const caller = state.callerOf(request.raw);
        const outcome = await parts.dispatcher.call('tools.invoke', caller, invocation, { signal });
        return answer(reply, outcome as ToolOutcome);
      } catch (thrown) {
        return thrownAnswer(reply, asGatehouseError(thrown));
      }
    },
  );
}
