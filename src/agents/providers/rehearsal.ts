import { MODEL_CODES } from '../codes.ts';
import type { ModelEvent, ModelProvider, ModelRequest, StoredMessage } from '../types.ts';
import { textOf } from './prompt.ts';
import type { RehearsalStep } from './rehearsal-script.ts';

export const REHEARSAL_NOTICE =
  '[rehearsal] no model is configured: these answers come from a script, the tools and their sandbox are real.';

/** Characters of one streamed piece, so that clients see a stream. */
const CHUNK = 24;

/** Characters of a tool's result that an answer repeats. */
const MAX_SEEN = 2_000;

const HELP = [
  'Say one of these on a line of its own, and I will ask for that tool:',
  '  run: <command>',
  '  read: <path>',
  '  write: <path> <text>',
  '  fetch: <url>',
  'To talk to a real model, set ANTHROPIC_API_KEY or OPENAI_API_KEY and start again.',
].join('\n');

/**
 * The built-in provider that plays a script, for first runs and drills (G2). It calls nothing and nobody, is
 * deterministic, and every answer says what it is.
 */
export function createRehearsalProvider(
  options: { readonly script?: readonly RehearsalStep[] } = {},
): ModelProvider {
  const failures = new Map<number, number>();
  return {
    id: 'rehearsal',
    notice: REHEARSAL_NOTICE,
    models: () => [{ id: 'script', name: 'Rehearsal (no model)', contextTokens: 100_000 }],
    async *stream(request, signal) {
      const step =
        options.script === undefined ? improvise(request) : nextStep(options.script, request, failures);
      for (const event of play(step, request)) {
        signal.throwIfAborted();
        yield event;
      }
    },
  };
}

function nextStep(
  script: readonly RehearsalStep[],
  request: ModelRequest,
  failures: Map<number, number>,
): RehearsalStep {
  const index = request.messages.filter((message) => message.role === 'assistant').length;
  const step = script[index] ?? { text: 'The script has ended.' };
  if (step.error === undefined) return step;
  const failed = failures.get(index) ?? 0;
  if (failed >= (step.times ?? 1)) return step;
  failures.set(index, failed + 1);
  const code = step.error in MODEL_CODES.table ? (step.error as keyof typeof MODEL_CODES.table) : undefined;
  throw MODEL_CODES.error(code ?? 'MODEL_BAD_RESPONSE', undefined, {
    details: { retryable: step.retryable ?? true },
  });
}

function* play(step: RehearsalStep, request: ModelRequest): Generator<ModelEvent> {
  const calls = step.toolCalls ?? [];
  const said = (step.text ?? '').replaceAll('{{last}}', lastResult(request.messages)?.text ?? '');
  const text = said === '' && calls.length > 0 ? '' : `${REHEARSAL_NOTICE}\n${said}`;
  for (let at = 0; at < text.length; at += CHUNK) yield { type: 'text', delta: text.slice(at, at + CHUNK) };
  const place = request.messages.length;
  for (const [index, call] of calls.entries()) {
    yield { type: 'toolCall', id: `call_${place}_${index}`, name: call.name, arguments: call.arguments };
  }
  const reason = calls.length > 0 ? 'tool-calls' : 'stop';
  const usage = step.usage ?? { inputTokens: 0, outputTokens: Math.ceil(text.length / 4) };
  yield { type: 'finish', reason, usage };
}

/** Without a script: do what a line of the user's message says, or show one harmless command at first. */
function improvise(request: ModelRequest): RehearsalStep {
  const last = request.messages.at(-1);
  if (last?.role === 'toolResult') return answerTo(request.messages);
  const offered = new Set(request.tools.map((tool) => tool.name));
  const asked = last?.role === 'user' ? commandIn(textOf(last.content)) : undefined;
  if (asked !== undefined) {
    if (offered.has(asked.name)) return { toolCalls: [asked] };
    return { text: `This agent's playbook does not give me the tool ${asked.name}.` };
  }
  const first = !request.messages.some((message) => message.role === 'assistant');
  if (first && offered.has('shell')) {
    return { toolCalls: [{ name: 'shell', arguments: { command: 'uname -sr' } }] };
  }
  return { text: HELP };
}

function answerTo(messages: readonly StoredMessage[]): RehearsalStep {
  const result = lastResult(messages);
  if (result === undefined) return { text: HELP };
  const seen = result.text.slice(0, MAX_SEEN);
  const how = result.isError ? 'was refused or failed' : 'ran in the sandbox';
  return { text: `The tool ${result.tool} ${how}, and this is what came back:\n${seen}\n\n${HELP}` };
}

function lastResult(messages: readonly StoredMessage[]) {
  const message = messages.findLast((item) => item.role === 'toolResult');
  if (message?.role !== 'toolResult') return undefined;
  return { tool: message.toolName, text: message.content, isError: message.isError };
}

/** The first line that asks for a tool, read literally. */
function commandIn(text: string): { readonly name: string; readonly arguments: unknown } | undefined {
  for (const line of text.split('\n')) {
    const colon = line.indexOf(':');
    const rest = line.slice(colon + 1).trim();
    if (colon < 0 || rest === '') continue;
    switch (line.slice(0, colon).trim().toLowerCase()) {
      case 'run':
        return { name: 'shell', arguments: { command: rest } };
      case 'read':
        return { name: 'read', arguments: { path: rest } };
      case 'fetch':
        return { name: 'web_fetch', arguments: { url: rest } };
      case 'write': {
        const space = rest.indexOf(' ');
        const [path, content] = space < 0 ? [rest, ''] : [rest.slice(0, space), rest.slice(space + 1)];
        return { name: 'write', arguments: { path, content } };
      }
    }
  }
  return undefined;
}
