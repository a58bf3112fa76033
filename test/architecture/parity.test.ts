import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import Fastify from 'fastify';
import { WebSocket } from 'ws';
import { ALL_CODES } from '../../scripts/reference/code-tables.ts';
import { referenceFiles } from '../../scripts/reference/index.ts';
import { principalLayer } from '../../src/controls/auth/index.ts';
import { type Principal, SCOPES } from '../../src/controls/auth/types.ts';
import { createCallers } from '../../src/operations/callers.ts';
import type { Caller, Dispatcher } from '../../src/operations/define.ts';
import { OPERATIONS } from '../../src/operations/index.ts';
import { DECISIONS } from '../../src/operations/reference/codes.ts';
import { CLI_ONLY } from '../../src/surfaces/cli/cli-only.ts';
import { completionScript } from '../../src/surfaces/cli/completion.ts';
import { createProgram } from '../../src/surfaces/cli/program.ts';
import { openApiOf } from '../../src/surfaces/http/openapi.ts';
import { addOperations } from '../../src/surfaces/http/operations.ts';
import { createWsSurface } from '../../src/surfaces/ws/index.ts';

const IDS = OPERATIONS.map(({ id }) => id);
const REFERENCE = fileURLToPath(new URL('../../docs/reference/', import.meta.url));

const ADMIN: Principal = {
  id: 'p1',
  name: 'tester',
  kind: 'token',
  scopes: SCOPES,
  agents: ['*'],
  credentialId: 'c1',
};
const { callerOf } = createCallers({ principalLayer });

/** Records what arrives and answers with its id. */
function recordingDispatcher(): Dispatcher & { readonly seen: string[] } {
  const seen: string[] = [];
  return {
    seen,
    operations: OPERATIONS,
    async call(id) {
      seen.push(id);
      return { id };
    },
  };
}

describe('the array of operations', () => {
  test('holds every operation once', () => {
    assert.deepEqual(IDS, [...new Set(IDS)]);
  });

  test('names operations noun.verb', () => {
    for (const id of IDS) assert.match(id, /^[a-z]+\.[a-z]+$/);
  });

  test('gives every operation a scope, a summary without a full stop, and an example', () => {
    for (const { id, scope, summary, cli } of OPERATIONS) {
      assert.ok(SCOPES.includes(scope), id);
      assert.match(summary, /^[A-Z].*[^.]$/, id);
      assert.ok(cli.examples.length > 0, id);
      for (const example of cli.examples) assert.ok(example.startsWith(`gatehouse ${cli.command}`), example);
    }
  });

  test('takes no unknown keys and describes every key that it takes', () => {
    for (const { id, input } of OPERATIONS) {
      const schema = input as {
        readonly additionalProperties?: unknown;
        readonly properties?: Readonly<
          Record<string, { readonly description?: string; readonly anyOf?: readonly object[] }>
        >;
      };
      assert.equal(schema.additionalProperties, false, id);
      for (const [key, field] of Object.entries(schema.properties ?? {})) {
        const described =
          JSON.stringify(field).includes('"description"') || JSON.stringify(field).includes('"enum"');
        assert.ok(described, `${id} ${key}`);
      }
    }
  });

  test('fails only with codes that are listed', () => {
    const listed = new Set([
      ...ALL_CODES.flatMap(({ table }) => Object.keys(table)),
      ...DECISIONS.map(({ code }) => code),
    ]);
    for (const { id, errors } of OPERATIONS) {
      for (const code of errors) assert.ok(listed.has(code), `${id} ${code}`);
    }
  });

  test('every code is listed in one table only', () => {
    const codes = ALL_CODES.flatMap(({ table }) => Object.keys(table));
    const twice = codes.filter((code, index) => codes.indexOf(code) !== index);
    assert.deepEqual(twice, []);
  });
});

describe('every operation on every surface', () => {
  test('is a command, and every other command says why it is none', () => {
    const program = createProgram({ operation: async () => {}, cliOnly: async () => {} }, () => {});
    const commands: string[] = [];
    const collect = (command: typeof program, words: readonly string[]) => {
      for (const child of command.commands) {
        const path = [...words, child.name()];
        const runs = (child as unknown as { readonly _actionHandler?: unknown })._actionHandler;
        if (runs !== undefined && runs !== null) commands.push(path.join(' '));
        collect(child, path);
      }
    };
    collect(program, []);
    const expected = [
      ...OPERATIONS.flatMap(({ cli }) => [cli.command, ...(cli.aliases ?? [])]),
      ...CLI_ONLY.map(({ command }) => command),
    ];
    assert.deepEqual(commands.sort(), expected.sort());
    assert.deepEqual(expected, [...new Set(expected)]);
    for (const { command, reason } of CLI_ONLY) assert.match(reason, /^[A-Z].{20,}\.$/, command);
  });

  test('is completed by every shell', () => {
    for (const shell of ['bash', 'zsh', 'fish']) {
      const script = completionScript(shell);
      for (const { cli } of OPERATIONS) {
        for (const word of cli.command.split(' '))
          assert.ok(script.includes(word), `${shell} ${cli.command}`);
      }
    }
  });

  test('is an HTTP route', async () => {
    const dispatcher = recordingDispatcher();
    const app = Fastify();
    const caller: Caller = callerOf(ADMIN, 'http', 't');
    const parts = { dispatcher, runtime: { version: '0' } } as unknown as Parameters<typeof addOperations>[1];
    addOperations(app, parts, {
      callerOf: () => caller,
      authenticate: async () => {},
    } as unknown as Parameters<typeof addOperations>[2]);
    for (const id of IDS) {
      const answer = await app.inject({ method: 'POST', url: `/api/v1/${id}`, payload: {} });
      assert.deepEqual(answer.json(), { ok: true, result: { id } });
    }
    await app.close();
    assert.deepEqual(dispatcher.seen, IDS);
  });

  test('is a WebSocket method, announced in hello and answered', async () => {
    const dispatcher = recordingDispatcher();
    const server = createServer();
    const nothing = () => () => {};
    const surface = createWsSurface({
      dispatcher,
      auth: {
        authenticateConnect: async () => ({ principal: ADMIN, role: 'operator', scopes: SCOPES }),
        onRevoked: nothing,
        onDeviceRequest: nothing,
        recordRefusal() {},
      },
      denials: { record: async () => {} },
      turns: { subscribe: nothing },
      approvals: { subscribe: nothing },
      clock: { now: () => 1_000, monotonic: () => 1_000 },
      random: { bytes: (size) => new Uint8Array(size), uuid: () => 'u' },
      logger: { info() {}, warn() {}, error() {} },
      callerOf: (grant, trace) => callerOf(grant.principal, 'ws', trace),
      hello: () => ({ version: '0', uptimeMs: 1, defaultAgent: 'main' }),
    });
    const peer = { address: '127.0.0.1', userAgent: '', surface: 'ws' } as const;
    surface.attach(server, { judge: () => ({ peer }), authenticated: () => true });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const socket = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`);
    const answers = new Map<string, (frame: Frame) => void>();
    socket.on('message', (data) => {
      const frame = JSON.parse(String(data)) as Frame;
      if (frame.type === 'res') answers.get(frame.id)?.(frame);
    });
    await once(socket, 'open');
    const ask = (method: string, params: object) => {
      const { promise, resolve } = Promise.withResolvers<Frame>();
      answers.set(method, resolve);
      socket.send(JSON.stringify({ type: 'req', id: method, method, params }));
      return promise;
    };
    const hello = await ask('connect', {
      minProtocol: 4,
      maxProtocol: 4,
      client: { id: 'test', version: '1', platform: 'linux', mode: 'test' },
      scopes: ['operator.admin'],
      auth: { token: 't' },
    });
    const { methods } = hello.payload['features'] as { methods: readonly string[] };
    for (const id of IDS) {
      assert.ok(methods.includes(`gatehouse.${id}`), id);
      assert.deepEqual((await ask(`gatehouse.${id}`, {})).payload, { id });
    }
    socket.terminate();
    server.closeAllConnections();
    server.close();
    surface.close('test');
    assert.deepEqual(dispatcher.seen, IDS);
  });

  test('is an OpenAPI path with its scope', () => {
    const { paths } = openApiOf(OPERATIONS, '0') as {
      paths: Readonly<Record<string, { post: Readonly<Record<string, unknown>> }>>;
    };
    assert.deepEqual(
      Object.keys(paths),
      IDS.map((id) => `/api/v1/${id}`),
    );
    for (const { id, scope } of OPERATIONS) {
      assert.equal(paths[`/api/v1/${id}`]?.post['x-gatehouse-scope'], scope);
    }
  });

  test('stands in the reference pages', () => {
    const pages = referenceFiles('0');
    for (const { id, cli } of OPERATIONS) {
      assert.ok(pages.get('operations.md')?.includes(`\n## ${id}\n`), id);
      assert.ok(pages.get('cli.md')?.includes(`\n## gatehouse ${cli.command}\n`), cli.command);
    }
    for (const { command } of CLI_ONLY)
      assert.ok(pages.get('cli.md')?.includes(`\`gatehouse ${command}\``), command);
  });

  test('the committed pages are what the sources say', () => {
    const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
      version: string;
    };
    for (const [name, content] of referenceFiles(version)) {
      const committed = readFileSync(join(REFERENCE, name), 'utf8');
      assert.ok(committed === content, `docs/reference/${name} is stale: npm run generate`);
    }
  });
});

interface Frame {
  readonly type: string;
  readonly id: string;
  readonly ok?: boolean;
  readonly payload: Readonly<Record<string, unknown>>;
}
