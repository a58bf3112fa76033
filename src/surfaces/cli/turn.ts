import type { TurnEvent } from '../../agents/types.ts';
import { askApproval, howToAnswer, type PendingApproval, showApproval } from './approve.ts';
import type { Output } from './output.ts';
import type { Prompter } from './prompt.ts';
import { effectText } from './render/reports.ts';
import type { Invoke } from './session.ts';
import { shownCommand, shownLine } from './terminal.ts';
import { formatDuration } from './time.ts';

/** Lines of a tool's answer that are shown; the rest is counted. */
const SHOWN_OUTPUT_LINES = 6;

type EventOf<Type extends TurnEvent['type']> = Extract<TurnEvent, { type: Type }>;

export interface TurnViewParts {
  readonly invoke: Invoke;
  readonly output: Output;
  /** A person who can answer approvals here; absent when nobody sits at the terminal. */
  readonly prompter?: () => Prompter;
  /** What to do instead of waiting for an approval that nobody can answer here. */
  readonly onUnanswered?: (approval: PendingApproval) => void;
  /** Show nothing but approvals, for output that a program reads. */
  readonly quiet?: boolean;
}

/** Shows a turn as it happens: answers on stdout, everything else on stderr. */
export interface TurnView {
  onEvent(event: unknown): void;
  /** Resolves when everything that arrived has been shown and asked. */
  settled(): Promise<void>;
  /** Whether any of the answer was written. */
  wrote(): boolean;
}

/** What a tool is asked to do, in the words that matter. */
function request({ tool, args }: EventOf<'tool.requested'>): string {
  const fields = (args ?? {}) as Readonly<Record<string, unknown>>;
  const said = tool === 'shell' ? fields['command'] : undefined;
  return typeof said === 'string' ? said : JSON.stringify(args ?? {});
}

function outputSummary(text: string): readonly string[] {
  const lines = text.replace(/\n+$/, '').split('\n');
  const more = lines.length - SHOWN_OUTPUT_LINES;
  return more > 0 ? [...lines.slice(0, SHOWN_OUTPUT_LINES), `... ${more} more lines`] : lines;
}

/** Follow one turn. Events are shown in order; a question holds back what comes after it. */
export function createTurnView(parts: TurnViewParts): TurnView {
  const { invoke, output, prompter, onUnanswered, quiet = false } = parts;
  const { note, paint } = output;
  const answered = new Set<string>();
  let over = false;
  const requests = new Map<string, EventOf<'tool.requested'>>();
  let question: { readonly callId: string; readonly stop: AbortController } | undefined;
  let shownSoFar: Promise<void> = Promise.resolve();
  let answering: string | undefined;
  let midLine = false;
  let wrote = false;

  function endLine(): void {
    if (midLine) output.text('\n');
    midLine = false;
  }

  async function approval(event: EventOf<'tool.approval'>): Promise<void> {
    if (over || answered.has(event.callId)) return;
    const asked = requests.get(event.callId);
    const pending: PendingApproval = {
      approvalId: event.approvalId,
      commandText: event.commandText,
      expiresAt: event.expiresAt,
      batch: event.batch,
      diff: event.diff,
      people: event.people,
      tool: asked?.tool ?? 'a tool',
      reason: asked?.reason ?? '',
      rule: asked?.rule ?? '',
    };
    if (prompter === undefined) {
      showApproval(pending, output);
      howToAnswer(pending, output);
      onUnanswered?.(pending);
      return;
    }
    const stop = new AbortController();
    question = { callId: event.callId, stop };
    try {
      await askApproval(pending, { invoke, output, prompter: prompter(), signal: stop.signal });
    } finally {
      question = undefined;
    }
  }

  /** Said once, and again when a fallback answers. */
  function model(name: string): void {
    if (name === answering) return;
    answering = name;
    note(paint('dim', shownLine(`model ${name}`)));
  }

  function requested(event: EventOf<'tool.requested'>): void {
    requests.set(event.callId, event);
    if (quiet) return;
    const [first = '', ...rest] = shownCommand(request(event)).split('\n');
    note(`${paint('strong', shownLine(event.tool))}  ${first}`);
    for (const line of rest) note(`  ${line}`);
    note(`  ${effectText(event.effect, paint)}  ${shownLine(`${event.code}  rule ${event.rule}`)}`);
    if (event.effect === 'deny') note(`  ${shownLine(event.reason)}`);
  }

  function finished(event: EventOf<'tool.finished'>): void {
    const how = event.isError ? paint('bad', 'failed') : paint('good', 'done');
    note(`  ${how} in ${formatDuration(event.durationMs)}`);
    for (const line of outputSummary(event.text)) note(paint('dim', `  | ${shownLine(line)}`));
  }

  async function show(event: TurnEvent): Promise<void> {
    if (event.type.startsWith('tool.') || event.type === 'taint') endLine();
    if (event.type === 'tool.requested') requested(event);
    if (event.type === 'tool.approval') await approval(event);
    if (!quiet) progress(event);
  }

  function progress(event: TurnEvent): void {
    if (event.type === 'text') {
      output.text(event.delta);
      wrote = true;
      midLine = !event.delta.endsWith('\n');
      return;
    }
    if (event.type === 'model') model(`${event.provider}/${event.model}`);
    if (event.type === 'tool.finished') finished(event);
    if (event.type === 'taint') {
      note(paint('warn', shownLine(`this session now carries: ${event.labels.join(', ')}`)));
    }
    if (event.type === 'status' && (event.phase === 'retrying' || event.phase === 'compacting')) {
      note(paint('dim', event.phase));
    }
  }

  /** Somebody else answered, or the turn ended: a question that is open or still to come is moot. */
  function notice(event: TurnEvent): void {
    if (event.type === 'tool.started' || event.type === 'tool.finished') {
      answered.add(event.callId);
      if (question?.callId === event.callId) question.stop.abort();
    }
    if (event.type === 'finished' || event.type === 'aborted' || event.type === 'failed') end();
  }

  function end(): void {
    over = true;
    question?.stop.abort();
  }

  return {
    onEvent(event) {
      const turnEvent = event as TurnEvent;
      notice(turnEvent);
      shownSoFar = shownSoFar.then(() => show(turnEvent));
    },
    async settled() {
      end();
      await shownSoFar;
      endLine();
    },
    wrote: () => wrote,
  };
}
