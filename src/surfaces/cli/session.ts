import { GatehouseError } from '../../kernel/index.ts';
import type { Operation } from '../../operations/define.ts';
import { CLI_CODES } from './codes.ts';
import type { CliIo, CliParts } from './io.ts';
import { targetOf } from './target.ts';

interface InvokeOptions {
  readonly signal?: AbortSignal;
  readonly onEvent?: (event: unknown) => void;
}

/** Call an operation on whatever answers: the gateway when one runs, otherwise this process where it may. */
export type Invoke = (operation: Operation, input: unknown, options?: InvokeOptions) => Promise<unknown>;

async function callLocally(parts: CliParts, operation: Operation, input: unknown, options: InvokeOptions) {
  const { dispatcher, caller, close } = await parts.openLocal();
  const { signal, onEvent } = options;
  try {
    return await dispatcher.call(operation.id, caller, input, {
      ...(signal === undefined ? {} : { signal }),
      ...(onEvent === undefined ? {} : { emit: onEvent }),
    });
  } finally {
    await close();
  }
}

/**
 * The way to operations for one command. Falling back to this process is only possible when nobody listened,
 * so that no operation ever runs twice; `onLocal` is told.
 */
export function createInvoke(io: CliIo, parts: CliParts, onLocal: () => void): Invoke {
  return async (operation, input, options = {}) => {
    const target = targetOf(io.env, parts.socketPath);
    const { callGateway } = await import('./client.ts');
    const { signal, onEvent } = options;
    try {
      return await callGateway(target, {
        id: operation.id,
        input,
        ...(signal === undefined ? {} : { signal }),
        ...(onEvent === undefined || operation.stream === undefined ? {} : { onEvent }),
      });
    } catch (thrown) {
      const absent = thrown instanceof GatehouseError && thrown.code === 'CLI_GATEWAY_NOT_RUNNING';
      if (!absent) throw thrown;
      if (target.kind === 'url') {
        throw CLI_CODES.error('CLI_GATEWAY_UNREACHABLE', 'nobody listens at GATEHOUSE_URL', {
          cause: thrown,
        });
      }
      if (!operation.cli.offline) throw thrown;
      onLocal();
      return callLocally(parts, operation, input, options);
    }
  };
}
