import type { ModelEvent, ModelProvider, ModelRequest } from '../types.ts';

interface FakeCall {
  readonly name: string;
  readonly arguments: unknown;
}

/** What one call of the fake model does. */
export interface FakeStep {
  readonly text?: string | readonly string[];
  readonly calls?: readonly FakeCall[];
  readonly fails?: Error;
  readonly reason?: 'stop' | 'length' | 'content-filter';
  readonly usage?: { readonly inputTokens: number; readonly outputTokens: number };
  /** Never ends by itself and does not listen to its signal. */
  readonly hangs?: boolean;
  /** Awaited before anything is said. */
  readonly until?: Promise<unknown>;
}

export interface FakeModel extends ModelProvider {
  readonly requests: ModelRequest[];
  /** Steps that follow the ones it was made with. */
  push(...steps: readonly FakeStep[]): void;
}

/** A model that plays steps in order and keeps what it was asked; past the last step it says `done`. */
export function fakeModel(id: string, ...steps: readonly FakeStep[]): FakeModel {
  const queue = [...steps];
  const requests: ModelRequest[] = [];
  let calls = 0;
  return {
    id,
    requests,
    push: (...more) => void queue.push(...more),
    models: () => [{ id: 'm', name: 'Fake', contextTokens: 50_000 }],
    async *stream(request): AsyncIterable<ModelEvent> {
      requests.push(request);
      const step = queue.shift() ?? { text: 'done' };
      await step.until;
      if (step.text !== undefined) {
        for (const delta of [step.text].flat()) yield { type: 'text', delta };
      }
      if (step.fails !== undefined) throw step.fails;
      if (step.hangs === true) await new Promise(() => undefined);
      for (const call of step.calls ?? []) {
        calls += 1;
        yield { type: 'toolCall', id: `call${calls}`, ...call };
      }
      const usage = step.usage ?? { inputTokens: 10, outputTokens: 5 };
      const reason = step.calls === undefined ? (step.reason ?? 'stop') : 'tool-calls';
      yield { type: 'finish', reason, usage };
    },
  };
}

/** A step that asks for one tool. */
export function asks(name: string, args: unknown): FakeStep {
  return { calls: [{ name, arguments: args }] };
}
