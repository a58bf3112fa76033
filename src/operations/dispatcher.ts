import { nearestName } from '../configuration/nearest.ts';
import {
  asGatehouseError,
  type Decision,
  decide,
  GatehouseError,
  KERNEL_CODES,
  type LedgerEvent,
} from '../kernel/index.ts';
import { OP_CODES } from './codes.ts';
import type { Caller, CallOptions, Dispatcher, Operation, OperationContext } from './define.ts';
import { issuesWith, parseInput } from './parse.ts';
import type { Services } from './services.ts';

export interface DispatcherParts {
  readonly operations: readonly Operation[];
  readonly services: Services;
}

const NEVER_ABORTED = new AbortController().signal;

function ignoreEvent(): void {}

/** The one way in for every surface: parse, decide, record, run, check the result, map the error. */
export function createDispatcher({ operations, services }: DispatcherParts): Dispatcher {
  const byId = new Map(operations.map((operation) => [operation.id, operation]));

  async function call(id: string, caller: Caller, input: unknown, options: CallOptions = {}) {
    const operation = byId.get(id);
    if (operation === undefined) throw unknownOperation(id, byId.keys());
    try {
      // The caller's right is decided before the input is looked at: a stranger learns no schema from errors.
      await authorize(services, operation, caller);
      await count(services, caller);
      const parsed = parseInput(operation.input, input);
      return await perform(services, operation, caller, parsed, options);
    } catch (thrown) {
      throw mapped(services, operation, caller, thrown);
    }
  }

  return Object.freeze({ operations, call });
}

function unknownOperation(id: string, known: Iterable<string>): GatehouseError {
  const meant = nearestName(id, known);
  const message =
    meant === undefined ? undefined : `there is no operation of this name; did you mean ${meant}?`;
  return OP_CODES.error('OP_UNKNOWN', message, meant === undefined ? {} : { details: { nearest: meant } });
}

function eventOf(operation: Operation, caller: Caller, facts: Omit<LedgerEvent, 'subject' | 'trace'>) {
  return {
    ...facts,
    subject: caller.subject,
    trace: caller.trace,
    authorityHash: caller.authority.hash,
    data: { operation: operation.id, surface: caller.surface, credential: caller.principal.credentialId },
  } satisfies LedgerEvent;
}

/** Calls from outside are requests of their principal (B1). @throws BUDGET_EXCEEDED, BUDGET_UNAVAILABLE */
async function count(services: Services, { surface, subject, trace }: Caller): Promise<void> {
  if (surface !== 'http' && surface !== 'ws') return;
  await services.budget.spend({ subject, trace }, { requests: 1 });
}

/** @throws AUTH_SCOPE_MISSING or another decision code; the refusal is in the ledger first */
async function authorize(services: Services, operation: Operation, caller: Caller): Promise<void> {
  const action = { kind: 'operation.call', operation: operation.id, scope: operation.scope } as const;
  const decision = decide(caller.authority, caller.subject, action, services.clock.now());
  if (decision.effect === 'allow') return;
  await recordRefusal(services, operation, refusal(operation, caller, decision));
  throw new GatehouseError(decision.code, refusalMessage(operation, decision), {
    status: 403,
    fix: refusalFix(operation, decision),
    details: { operation: operation.id, missingScope: operation.scope, rule: decision.rule },
  });
}

function refusal(operation: Operation, caller: Caller, decision: Decision): LedgerEvent {
  return eventOf(operation, caller, {
    type: 'decision',
    action: 'operation.call',
    outcome: 'deny',
    code: decision.code,
    rule: decision.rule,
  });
}

function refusalMessage(operation: Operation, decision: Decision): string {
  if (decision.code === 'AUTH_SCOPE_MISSING') return `${operation.id} needs the scope ${operation.scope}`;
  return `${operation.id} is refused: ${decision.reason}`;
}

function refusalFix({ scope }: Operation, { code, reason }: Decision): string {
  if (code !== 'AUTH_SCOPE_MISSING') return `Ask from where it is allowed: ${reason}.`;
  return `Use a token that has the scope ${scope} (gatehouse token issue NAME --scopes ${scope}).`;
}

/** The caller is refused whether or not it can be written. */
async function recordRefusal(services: Services, operation: Operation, event: LedgerEvent): Promise<void> {
  await services.denials
    .record(event)
    .catch((cause: unknown) => unrecorded(services, operation, event, cause));
}

function unrecorded(
  services: Services,
  operation: Operation,
  { outcome }: LedgerEvent,
  cause: unknown,
): void {
  services.logger.error('the ledger did not take a record', {
    operation: operation.id,
    outcome,
    cause: String(cause),
  });
}

/** Where the action itself no longer depends on the record, a full disk must not hide what happened. */
async function recordQuietly(services: Services, operation: Operation, event: LedgerEvent): Promise<void> {
  try {
    await services.ledger.append(event);
  } catch (cause) {
    unrecorded(services, operation, event, cause);
  }
}

async function perform(
  services: Services,
  operation: Operation,
  caller: Caller,
  input: unknown,
  options: CallOptions,
): Promise<unknown> {
  const signal = options.signal ?? NEVER_ABORTED;
  if (signal.aborted) throw KERNEL_CODES.error('KERNEL_ABORTED');
  const context: OperationContext<unknown> = {
    caller,
    services,
    signal,
    emit: options.emit ?? ignoreEvent,
  };
  if (operation.effect === 'read' || operation.selfRecorded === true) {
    return checked(services, operation, await operation.run(context, input));
  }
  await recordStart(services, operation, caller);
  try {
    const result = checked(services, operation, await operation.run(context, input));
    await recordQuietly(services, operation, changeEvent(operation, caller, 'success'));
    return result;
  } catch (thrown) {
    const { code } = asGatehouseError(thrown);
    await recordQuietly(services, operation, changeEvent(operation, caller, 'failure', code));
    throw thrown;
  }
}

function changeEvent(
  operation: Operation,
  caller: Caller,
  outcome: 'started' | 'success' | 'failure',
  code?: string,
): LedgerEvent {
  const facts = { type: 'change', action: operation.id, outcome } as const;
  return eventOf(operation, caller, code === undefined ? facts : { ...facts, code });
}

/** @throws OP_NOT_RECORDED: what cannot be written down does not happen (attack 98) */
async function recordStart(services: Services, operation: Operation, caller: Caller): Promise<void> {
  try {
    await services.ledger.append(changeEvent(operation, caller, 'started'));
  } catch (cause) {
    throw OP_CODES.error('OP_NOT_RECORDED', undefined, { cause });
  }
}

/** A result that breaks its own description could carry more than the operation declares: it is not sent. */
function checked(services: Services, operation: Operation, result: unknown): unknown {
  const issues = issuesWith(operation.output, result);
  if (issues.length === 0) return result;
  services.logger.error('an operation broke its own output schema', { operation: operation.id, issues });
  throw OP_CODES.error('OP_OUTPUT_INVALID', undefined, { details: { operation: operation.id } });
}

function mapped(services: Services, operation: Operation, caller: Caller, thrown: unknown): GatehouseError {
  const error = asGatehouseError(thrown);
  if (error !== thrown) {
    services.logger.error('an operation failed unexpectedly', {
      operation: operation.id,
      trace: caller.trace,
      cause: thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown),
    });
  }
  return error;
}
