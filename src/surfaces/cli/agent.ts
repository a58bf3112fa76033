import { agentRun } from '../../operations/agent/run.ts';
import { explainSilence } from './busy.ts';
import { CLI_CODES } from './codes.ts';
import type { Command } from './command.ts';
import { EXIT } from './exit.ts';
import { createPrompter, type Prompter } from './prompt.ts';
import { createTurnView } from './turn.ts';
import { asTyped } from './view.ts';

export interface TurnResult {
  readonly runId: string;
  readonly status: string;
  readonly text: string;
}

export interface TurnOptions {
  /** Leave a turn that waits for an approval, with the exit code for it. */
  readonly wait: boolean;
  /** Every event as a JSON line. */
  readonly events: boolean;
}

/**
 * `gatehouse agent`: one turn, streamed. Ctrl-C ends the turn, because the gateway ends it when the
 * connection closes.
 */
export async function runAgent(command: Command, input: unknown, options: TurnOptions): Promise<number> {
  const { io, output, invoke } = command;
  const stop = new AbortController();
  const forget = io.onInterrupt(() => stop.abort());
  const state: { left?: string; runId?: string; prompter?: Prompter } = {};
  const interactive = io.isTTY && !output.json && !options.events;
  const view = createTurnView({
    invoke,
    output,
    quiet: output.json || options.events,
    ...(interactive
      ? { prompter: () => (state.prompter ??= createPrompter(io, { onInterrupt: () => stop.abort() })) }
      : {}),
    onUnanswered(approval) {
      if (options.wait) return;
      state.left = approval.approvalId;
      stop.abort();
    },
  });
  const { sessionKey = 'main', agent } = input as { readonly sessionKey?: string; readonly agent?: string };
  const heard = explainSilence({ invoke, output, sessionKey, ...(agent === undefined ? {} : { agent }) });
  const onEvent = (event: unknown) => {
    heard();
    state.runId ??= (event as { readonly runId?: string }).runId;
    if (options.events) output.event({ event });
    view.onEvent(event);
  };
  try {
    const request = options.wait ? input : { ...(input as object), detached: true };
    const result = (await invoke(agentRun, request, { signal: stop.signal, onEvent })) as TurnResult;
    await view.settled();
    if (options.events) output.event({ result });
    else if (output.json) output.document(result);
    else if (!view.wrote()) output.text(`${result.text}\n`);
    return result.status === 'ok' ? EXIT.ok : EXIT.failed;
  } catch (thrown) {
    await view.settled();
    if (state.left === undefined) throw interrupted(thrown, stop.signal);
    output.note(
      `${asTyped('The turn goes on once it is answered: gatehouse run wait', output.view)} ${state.runId ?? ''} --timeout 10m`,
    );
    return EXIT.waiting;
  } finally {
    heard();
    forget();
    state.prompter?.close();
  }
}

/** A closed connection after Ctrl-C is what was asked for, whatever way it came back. */
function interrupted(thrown: unknown, signal: AbortSignal): unknown {
  return signal.aborted ? CLI_CODES.error('CLI_INTERRUPTED', undefined, { cause: thrown }) : thrown;
}
