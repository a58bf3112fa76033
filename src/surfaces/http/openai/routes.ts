import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { BODY_LIMITS } from '../../../controls/listen/index.ts';
import { GatehouseError } from '../../../kernel/index.ts';
import type { Caller } from '../../../operations/define.ts';
import type { HttpSurfaceParts, RequestState } from '../parts.ts';
import { completeChat, streamChat } from './chat.ts';
import { paramError } from './fields.ts';
import { agentOfModel, type ChatHeaders, readChatRequest } from './request.ts';

interface AgentList {
  readonly defaultAgent: string;
  readonly agents: readonly { readonly id: string }[];
}

/** OpenAI's API over agents: `/v1/models` and `/v1/chat/completions` (protocol d.2). */
export function addOpenAi(app: FastifyInstance, parts: HttpSurfaceParts, state: RequestState): void {
  const onRequest = [
    async (_: FastifyRequest, reply: FastifyReply) => {
      if (parts.openai?.() === false)
        return reply.code(404).type('text/plain; charset=utf-8').send('Not Found');
      return undefined;
    },
    state.authenticate,
  ];

  app.get('/v1/models', { onRequest }, async (request) => {
    const ids = await modelIds(parts, state.callerOf(request.raw));
    return { object: 'list', data: ids.map(modelObject) };
  });

  app.get<{ Params: { '*': string } }>('/v1/models/*', { onRequest }, async (request) => {
    const id = request.params['*'];
    const ids = await modelIds(parts, state.callerOf(request.raw));
    agentOfModel(id);
    const known = ids.includes(id) || ids.includes(id.replace(/^gatehouse/, 'openclaw')) || id === 'default';
    if (!known) throw paramError('model', 'there is no such agent');
    return modelObject(id);
  });

  app.post(
    '/v1/chat/completions',
    { bodyLimit: BODY_LIMITS.chatCompletions, onRequest },
    async (request, reply) => {
      const caller = state.callerOf(request.raw);
      const chat = readChatRequest(request.body, chatHeaders(request));
      try {
        if (!chat.isStream) return await completeChat(parts, reply, caller, chat);
        await streamChat(parts, reply, caller, chat);
        return reply;
      } catch (thrown) {
        throw asModelError(thrown);
      }
    },
  );
}

async function modelIds(parts: HttpSurfaceParts, caller: Caller): Promise<readonly string[]> {
  const { agents } = (await parts.dispatcher.call('agents.list', caller, {})) as AgentList;
  return ['openclaw', 'openclaw/default', ...agents.map(({ id }) => `openclaw/${id}`)];
}

function modelObject(id: string): object {
  return { id, object: 'model', created: 0, owned_by: 'openclaw', permission: [] };
}

function chatHeaders(request: FastifyRequest): ChatHeaders {
  const read = (name: string): string | undefined => {
    const value = request.headers[name];
    return typeof value === 'string' && value !== '' ? value : undefined;
  };
  const [agentId, sessionKey, model] = [
    read('x-openclaw-agent-id'),
    read('x-openclaw-session-key'),
    read('x-openclaw-model'),
  ];
  return {
    ...(agentId === undefined ? {} : { agentId }),
    ...(sessionKey === undefined ? {} : { sessionKey }),
    ...(model === undefined ? {} : { model }),
  };
}

/** An agent that does not exist is a wrong `model` here: 400 with that parameter, as OpenClaw answers. */
function asModelError(thrown: unknown): unknown {
  if (!(thrown instanceof GatehouseError)) return thrown;
  if (thrown.code !== 'OP_AGENT_UNKNOWN' && thrown.code !== 'TURN_AGENT_UNKNOWN') return thrown;
  return paramError('model', 'there is no such agent');
}
