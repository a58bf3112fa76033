import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Type } from 'typebox';
import { principalLayer } from '../controls/auth/index.ts';
import type { Principal, Scope } from '../controls/auth/types.ts';
import type { GatehouseError, LedgerEvent } from '../kernel/index.ts';
import { createCallers, MAX_CACHED_AUTHORITIES } from './callers.ts';
import { type Caller, defineOperation, type Operation } from './define.ts';
import { createDispatcher } from './dispatcher.ts';
import { MAX_REPORTED_ISSUES } from './parse.ts';
import { strict } from './schema.ts';
import type { Services } from './services.ts';

interface Harness {
  readonly events: LedgerEvent[];
  readonly logged: string[];
  readonly services: Services;
}

/** Only what the dispatcher itself touches. */
function harness(options: { readonly ledgerFails?: (event: LedgerEvent) => boolean } = {}): Harness {
  const events: LedgerEvent[] = [];
  const logged: string[] = [];
  const append = async (event: LedgerEvent) => {
    if (options.ledgerFails?.(event) === true) throw new Error('disk full');
    events.push(event);
    return { writer: 'test', seq: events.length, hash: 'h' };
  };
  const parts = {
    clock: { now: () => 1_000, monotonic: () => 1_000 },
    logger: { info() {}, warn() {}, error: (message: string) => logged.push(message) },
    ledger: { append },
    budget: { spend: async () => undefined },
    denials: { record: async (event: LedgerEvent) => void (await append(event)) },
  };
  return { events, logged, services: parts as unknown as Services };
}

function callerWith(...scopes: Scope[]): Caller {
  const principal: Principal = {
    id: 'p1',
    name: 'tester',
    kind: 'token',
    scopes,
    agents: ['*'],
    credentialId: 'tok1',
  };
  return createCallers({ principalLayer }).callerOf(principal, 'http', 'trace-1');
}

interface Probe {
  readonly operation: Operation;
  readonly runs: unknown[];
}

function probe(overrides: Partial<Pick<Operation, 'effect' | 'selfRecorded'>> = {}, result?: unknown): Probe {
  const runs: unknown[] = [];
  const operation = defineOperation({
    id: 'probe.run',
    summary: 'A probe',
    input: strict({
      name: Type.String({ maxLength: 5 }),
      mode: Type.Optional(Type.Enum(['fast', 'slow'])),
      count: Type.Optional(Type.Integer({ minimum: 1 })),
    }),
    output: strict({ done: Type.Boolean() }),
    scope: 'operator.write',
    effect: 'change',
    errors: [],
    cli: { command: 'probe run', examples: [], offline: false },
    async run(_context, input) {
      runs.push(input);
      return (result ?? { done: true }) as { done: boolean };
    },
    ...overrides,
  });
  return { operation, runs };
}

async function failure(attempt: Promise<unknown>): Promise<GatehouseError> {
  try {
    await attempt;
  } catch (thrown) {
    return thrown as GatehouseError;
  }
  throw new assert.AssertionError({ message: 'expected a refusal' });
}

describe('the dispatcher', () => {
  test('runs an operation for a caller with the scope and records a change before and after', async () => {
    const { events, services } = harness();
    const { operation, runs } = probe();
    const dispatcher = createDispatcher({ operations: [operation], services });
    const result = await dispatcher.call('probe.run', callerWith('operator.write'), { name: 'a' });
    assert.deepEqual(result, { done: true });
    assert.deepEqual(runs, [{ name: 'a' }]);
    assert.deepEqual(
      events.map((event) => [event.type, event.action, event.outcome, event.trace]),
      [
        ['change', 'probe.run', 'started', 'trace-1'],
        ['change', 'probe.run', 'success', 'trace-1'],
      ],
    );
    assert.deepEqual(events[0]?.subject, { principal: 'p1', credential: 'tok1' });
  });

  test('leaves the record of a self-recorded operation to its service', async () => {
    const { events, services } = harness();
    const { operation } = probe({ effect: 'high-impact', selfRecorded: true });
    const dispatcher = createDispatcher({ operations: [operation], services });
    await dispatcher.call('probe.run', callerWith('operator.write'), { name: 'a' });
    assert.deepEqual(events, []);
  });

  test('names the nearest operation when the id is unknown', async () => {
    const { services } = harness();
    const { operation } = probe();
    const dispatcher = createDispatcher({ operations: [operation], services });
    const error = await failure(dispatcher.call('probe.rum', callerWith('operator.write'), {}));
    assert.equal(error.code, 'OP_UNKNOWN');
    assert.deepEqual(error.details, { nearest: 'probe.run' });
  });

  test('records the failure of a change with its code and hides the cause', async () => {
    const { events, logged, services } = harness();
    const operation: Operation = {
      ...probe().operation,
      run: () => Promise.reject(new Error('password=hunter2')),
    };
    const dispatcher = createDispatcher({ operations: [operation], services });
    const error = await failure(dispatcher.call('probe.run', callerWith('operator.write'), { name: 'a' }));
    assert.equal(error.code, 'KERNEL_INTERNAL');
    assert.ok(!JSON.stringify(error).includes('hunter2'));
    assert.deepEqual(
      events.map((event) => [event.outcome, event.code]),
      [
        ['started', undefined],
        ['failure', 'KERNEL_INTERNAL'],
      ],
    );
    assert.deepEqual(logged, ['an operation failed unexpectedly']);
  });

  test('does not start for a caller who is already gone', async () => {
    const { services } = harness();
    const { operation, runs } = probe();
    const dispatcher = createDispatcher({ operations: [operation], services });
    const call = dispatcher.call(
      'probe.run',
      callerWith('operator.write'),
      { name: 'a' },
      {
        signal: AbortSignal.abort(),
      },
    );
    assert.equal((await failure(call)).code, 'KERNEL_ABORTED');
    assert.deepEqual(runs, []);
  });
});

describe('operations/authority', () => {
  test('operations/caller without the scope: refused', async () => {
    const { events, services } = harness();
    const { operation, runs } = probe();
    const dispatcher = createDispatcher({ operations: [operation], services });
    const error = await failure(dispatcher.call('probe.run', callerWith('operator.read'), { name: 'a' }));
    assert.equal(error.code, 'AUTH_SCOPE_MISSING');
    assert.equal(error.status, 403);
    assert.equal(error.details['missingScope'], 'operator.write');
    assert.deepEqual(
      events.map(({ type, action, outcome, code, data }) => [type, action, outcome, code, data]),
      [
        [
          'decision',
          'operation.call',
          'deny',
          'AUTH_SCOPE_MISSING',
          { operation: 'probe.run', surface: 'http', credential: 'tok1' },
        ],
      ],
    );
    assert.deepEqual(runs, []);
  });

  test('operations/caller without the scope while the ledger is down: refused all the same', async () => {
    const { services } = harness({ ledgerFails: () => true });
    const { operation, runs } = probe();
    const dispatcher = createDispatcher({ operations: [operation], services });
    const error = await failure(dispatcher.call('probe.run', callerWith('operator.read'), { name: 'a' }));
    assert.equal(error.code, 'AUTH_SCOPE_MISSING');
    assert.deepEqual(runs, []);
  });

  test('operations/stranger probing an input schema: refused before the input is looked at', async () => {
    const { services } = harness();
    const dispatcher = createDispatcher({ operations: [probe().operation], services });
    const error = await failure(dispatcher.call('probe.run', callerWith(), { nonsense: 1 }));
    assert.equal(error.code, 'AUTH_SCOPE_MISSING');
  });

  test('operations/caller with no authority at all: refused', async () => {
    const { services } = harness();
    const { operation, runs } = probe();
    const dispatcher = createDispatcher({ operations: [operation], services });
    const caller = { ...callerWith('operator.write'), authority: { layers: [], hash: '' } };
    assert.equal(
      (await failure(dispatcher.call('probe.run', caller, { name: 'a' }))).code,
      'DECISION_NO_AUTHORITY',
    );
    assert.deepEqual(runs, []);
  });

  test('operations/change that the ledger cannot record: refused, nothing runs', async () => {
    const { events, services } = harness({ ledgerFails: (event) => event.outcome === 'started' });
    const { operation, runs } = probe({ effect: 'high-impact' });
    const dispatcher = createDispatcher({ operations: [operation], services });
    const error = await failure(dispatcher.call('probe.run', callerWith('operator.write'), { name: 'a' }));
    assert.equal(error.code, 'OP_NOT_RECORDED');
    assert.equal(error.status, 503);
    assert.deepEqual(runs, []);
    assert.deepEqual(events, []);
  });
});

describe('operations/input', () => {
  const cases: readonly (readonly [title: string, input: unknown, path: string, problem: RegExp])[] = [
    ['a missing key', {}, 'name', /is missing/],
    ['a wrong type', { name: 7 }, 'name', /string/],
    ['one character past the bound', { name: 'abcdef' }, 'name', /5/],
    ['an unknown key', { name: 'a', modee: 'fast' }, 'modee', /did you mean mode\?/],
    ['a value outside the list', { name: 'a', mode: 'warp' }, 'mode', /one of fast, slow/],
    ['an array instead of an object', [], '', /object/],
    ['a text instead of an object', 'name', '', /object/],
  ];
  for (const [title, input, path, problem] of cases) {
    test(`operations/${title}: refused`, async () => {
      const { events, services } = harness();
      const { operation, runs } = probe();
      const dispatcher = createDispatcher({ operations: [operation], services });
      const error = await failure(dispatcher.call('probe.run', callerWith('operator.write'), input));
      assert.equal(error.code, 'OP_INPUT_INVALID');
      const issues = error.details['issues'] as readonly { path: string; problem: string }[];
      const found = issues.find((issue) => issue.path === path);
      assert.match(found?.problem ?? JSON.stringify(issues), problem);
      assert.deepEqual(runs, []);
      assert.deepEqual(events, []);
    });
  }

  test('a value at its bound passes', async () => {
    const { services } = harness();
    const dispatcher = createDispatcher({ operations: [probe().operation], services });
    await dispatcher.call('probe.run', callerWith('operator.write'), { name: 'abcde' });
  });

  test('a flood of unknown keys is answered with a bounded list', async () => {
    const { services } = harness();
    const dispatcher = createDispatcher({ operations: [probe().operation], services });
    const flood = Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`k${i}`, i]));
    const error = await failure(dispatcher.call('probe.run', callerWith('operator.write'), flood));
    assert.equal((error.details['issues'] as unknown[]).length, MAX_REPORTED_ISSUES);
  });
});

describe('operations/output', () => {
  test('operations/result with more than it declares: kept back and logged as a defect', async () => {
    const { events, logged, services } = harness();
    const { operation } = probe({}, { done: true, secret: 'gth_x' });
    const dispatcher = createDispatcher({ operations: [operation], services });
    const error = await failure(dispatcher.call('probe.run', callerWith('operator.write'), { name: 'a' }));
    assert.equal(error.code, 'OP_OUTPUT_INVALID');
    assert.equal(error.status, 500);
    assert.ok(!JSON.stringify(error).includes('gth_x'));
    assert.deepEqual(logged, ['an operation broke its own output schema']);
    assert.equal(events.at(-1)?.code, 'OP_OUTPUT_INVALID');
  });
});

describe('callers', () => {
  const principal = (id: string, scopes: readonly Scope[]): Principal => ({
    id,
    name: id,
    kind: 'token',
    scopes,
    agents: ['*'],
    credentialId: id,
  });
  const { callerOf } = createCallers({ principalLayer });

  test('administrators share one space, everybody else has their own', () => {
    assert.equal(callerOf(principal('a', ['operator.admin']), 'cli', 't').space, 'operator');
    assert.equal(callerOf(principal('b', ['operator.write']), 'cli', 't').space, 'b');
  });

  test("auth/principal whose id is the operators' space: kept out of it", () => {
    assert.notEqual(callerOf(principal('operator', ['operator.write']), 'http', 't').space, 'operator');
  });

  test('authorities are made once, and again for the oldest when more than the bound are in use', () => {
    let made = 0;
    const counting = createCallers({
      principalLayer: (who) => {
        made += 1;
        return principalLayer(who);
      },
    });
    const use = (index: number) => counting.callerOf(principal(`p${index}`, ['operator.read']), 'http', 't');
    for (let round = 0; round < 2; round++) {
      for (let index = 0; index < MAX_CACHED_AUTHORITIES; index++) use(index);
    }
    assert.equal(made, MAX_CACHED_AUTHORITIES);
    use(MAX_CACHED_AUTHORITIES);
    use(1);
    assert.equal(made, MAX_CACHED_AUTHORITIES + 1);
    use(0);
    assert.equal(made, MAX_CACHED_AUTHORITIES + 2);
  });

  test('the same id with other scopes never gets an authority made for the earlier ones', () => {
    const wide = callerOf(principal('c', ['operator.admin', 'operator.write']), 'http', 't');
    const thin = callerOf(principal('c', ['operator.read']), 'http', 't');
    assert.notEqual(wide.authority.hash, thin.authority.hash);
  });
});
