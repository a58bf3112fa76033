import { type Authority, decide, type Subject } from '../../kernel/index.ts';
import type { Tool } from '../tools/define.ts';
import type { AgentPolicy, ToolDescription } from '../types.ts';
import type { TurnPorts } from './ports.ts';

/** Tools of which some call could be allowed now; a model is not shown the others. */
export function offeredTools(
  ports: TurnPorts,
  authority: Authority,
  subject: Subject,
  policy: AgentPolicy,
): readonly Tool[] {
  return ports.tools.filter((tool) => {
    if (tool.name === 'web_fetch' && policy.egress !== true) return false;
    const action = { kind: 'tool.call', tool: tool.name } as const;
    return decide(authority, subject, action, ports.clock.now()).effect !== 'deny';
  });
}

/** What a model and a client are told of a tool. */
export function describeTool(tool: Tool): ToolDescription {
  const { name, description } = tool;
  return { name, description, parameters: tool.parameters as unknown as Readonly<Record<string, unknown>> };
}
