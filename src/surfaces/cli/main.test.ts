import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, test } from 'node:test';
import type { Caller, Dispatcher } from '../../operations/define.ts';
import { MAX_ANSWER_CHARS } from './client.ts';
import { MAX_FILE_BYTES } from './input.ts';
import { cli, fakeGateway, json, refuse, stream } from './testing/harness.ts';

const SUMMARY = {
  id: 'ab12',
  name: 'laptop',
  scopes: ['operator.read'],
  agents: [],
  addresses: [],
  owner: '',
  ticket: '',
  createdAt: 1_700_000_000_000,
  expiresAt: null,
  revokedAt: null,
  lastUsedAt: null,
  lastUsedFrom: null,
};

const DAMAGED = {
  ok: false,
  records: 2,
  checkpoints: 1,
  writers: [],
  problems: [{ writer: 'gateway', seq: 1, code: 'LEDGER_EDITED', message: 'edited' }],
  unsigned: 1,
  problemsOmitted: 7,
};

describe('cli/contract for scripts', () => {
  test('token issue NAME --scopes a,b --json prints exactly the object with the token', async () => {
    const result = { token: 'gth_ab12_secret_sum', summary: SUMMARY };
    await using gateway = await fakeGateway(() => result);
    const run = await cli(
      ['token', 'issue', 'laptop', '--scopes', 'operator.read,operator.write', '--json'],
      gateway,
    );
    assert.equal(run.code, 0);
    assert.deepEqual(JSON.parse(run.stdout), result);
    assert.equal(run.stderr, '');
    assert.equal(gateway.calls[0]?.id, 'token.issue');
    assert.deepEqual(gateway.calls[0]?.input, {
      name: 'laptop',
      scopes: ['operator.read', 'operator.write'],
    });
  });

  test('an error with --json leaves stdout empty and is one JSON object on stderr', async () => {
    await using gateway = await fakeGateway((_call, response) => refuse(response, 403, 'AUTH_SCOPE_MISSING'));
    const run = await cli(['token', 'list', '--json'], gateway);
    assert.equal(run.code, 3);
    assert.equal(run.stdout, '');
    assert.deepEqual(JSON.parse(run.stderr), {
      ok: false,
      error: { code: 'AUTH_SCOPE_MISSING', message: 'no: AUTH_SCOPE_MISSING', fix: 'do the other thing' },
    });
  });

  test('an error for a person is its code, what happened, and what to do', async () => {
    await using gateway = await fakeGateway((_call, response) => refuse(response, 409, 'SESSION_BUSY'));
    const run = await cli(['sessions', 'reset', 'main'], gateway);
    assert.equal(run.stderr, 'SESSION_BUSY: no: SESSION_BUSY\nfix: do the other thing\n');
  });

  test('a bound on a length of time is said as it is typed', async () => {
    await using gateway = await fakeGateway((_call, response) =>
      json(response, 400, {
        ok: false,
        error: { code: 'OP_INPUT_INVALID', message: 'forMs must be <= 604800000', fix: '' },
      }),
    );
    const run = await cli(['alerts', 'unsilence', '1'], gateway);
    assert.equal(
      run.stderr,
      'OP_INPUT_INVALID: --for must be at most 7 d\nfix: gatehouse alerts unsilence --help\n',
    );
  });

  const statuses: readonly (readonly [status: number, code: string, exit: number])[] = [
    [401, 'AUTH_TOKEN_INVALID', 3],
    [403, 'CONFIG_CHANGE_DENIED', 3],
    [400, 'OP_INPUT_INVALID', 2],
    [400, 'SESSION_KEY_INVALID', 2],
    [404, 'OP_SESSION_NOT_FOUND', 1],
    [404, 'AUTH_PRINCIPAL_UNKNOWN', 1],
    [409, 'AUTH_ROTATION_NONE', 1],
    [500, 'KERNEL_INTERNAL', 1],
    [503, 'EGRESS_UNAVAILABLE', 1],
  ];
  for (const [status, code, exit] of statuses) {
    test(`${code} with status ${status} exits ${exit}`, async () => {
      await using gateway = await fakeGateway((_call, response) => refuse(response, status, code));
      assert.equal((await cli(['sessions', 'show', 'main'], gateway)).code, exit);
    });
  }

  const answers: readonly (readonly [argv: readonly string[], result: object, exit: number])[] = [
    [['doctor'], { version: '1', worst: null, findings: [] }, 0],
    [['doctor'], { version: '1', worst: 'low', findings: [finding('low')] }, 0],
    [['doctor'], { version: '1', worst: 'warning', findings: [finding('warning')] }, 5],
    [['doctor', '--json'], { version: '1', worst: 'critical', findings: [finding('critical')] }, 5],
    [['config', 'validate'], { ok: true, issues: [] }, 0],
    [['config', 'validate'], { ok: false, issues: [] }, 1],
    [['ledger', 'verify'], { ...DAMAGED, problems: [], problemsOmitted: 0 }, 1],
    [['egress', 'check', 'http://x/'], verdict('allow'), 0],
    [['egress', 'check', 'http://x/'], verdict('deny'), 3],
    [['sandbox', 'exec', 'rm x'], { isError: true, text: 'no', code: 'EXEC_COMMAND_DENIED' }, 3],
    [['sandbox', 'exec', 'false'], { isError: true, text: '[exit code 1]' }, 1],
    [['health'], { ready: false, failing: ['egress'], version: '1', uptimeMs: 5 }, 1],
  ];
  for (const [argv, result, exit] of answers) {
    test(`${argv.join(' ')} with ${JSON.stringify(result).slice(0, 40)} exits ${exit}`, async () => {
      await using gateway = await fakeGateway(() => result);
      const run = await cli(argv, gateway);
      assert.equal(run.stderr, '');
      assert.equal(run.code, exit);
    });
  }
});

test('ledger verify tells what no signature covers and how much it leaves out', async () => {
  await using changed = await fakeGateway(() => DAMAGED);
  const { stdout } = await cli(['ledger', 'verify'], changed);
  assert.match(stdout, /1 not signed yet/);
  assert.match(stdout, /and 7 more problems/);
  await using whole = await fakeGateway(() => ({ ...DAMAGED, ok: true, problems: [], unsigned: 0 }));
  assert.match(
    (await cli(['ledger', 'verify'], whole)).stdout,
    /is whole: 2 records and 1 signature checked\.$/m,
  );
});

function finding(severity: string): object {
  return { id: 'X', severity, title: 't', expected: 'e', found: 'f', fix: 'x', requirements: [] };
}

function verdict(effect: string): object {
  return { effect, code: 'C', rule: 'r', reason: 'because', fix: 'ask' };
}

describe('cli/what is typed becomes the input', () => {
  const typed: readonly (readonly [argv: readonly string[], id: string, input: object])[] = [
    [['run', 'wait', 'r1', '--timeout', '10m'], 'run.wait', { runId: 'r1', timeoutMs: 600_000 }],
    [['config:validate'], 'config.validate', {}],
    [['config', 'set', 'gateway.port', '18790'], 'config.set', { path: 'gateway.port', value: 18_790 }],
    [['config', 'set', 'a.b', 'loopback'], 'config.set', { path: 'a.b', value: 'loopback' }],
    [['config', 'diff', '3', '4'], 'config.diff', { from: 3, to: 4 }],
    [
      ['sessions', 'patch', 'main', '--no-pinned', '--label', 'null'],
      'sessions.patch',
      {
        sessionKey: 'main',
        pinned: false,
        label: null,
      },
    ],
    [['approvals', 'approve', 'a1', '--always'], 'approvals.approve', { id: 'a1', always: true }],
    [
      ['tools', 'invoke', 'list', '{"path":"/workspace"}'],
      'tools.invoke',
      {
        tool: 'list',
        args: { path: '/workspace' },
      },
    ],
    [['doctor'], 'doctor.run', { clientVersion: '1.2.3' }],
  ];
  for (const [argv, id, input] of typed) {
    test(argv.join(' '), async () => {
      await using gateway = await fakeGateway(() => ({}));
      await cli([...argv, '--json'], gateway);
      const call = gateway.calls[0];
      assert.equal(call?.id, id);
      const { idempotencyKey, ...rest } = (call?.input ?? {}) as Record<string, unknown>;
      assert.equal(typeof idempotencyKey, id === 'tools.invoke' ? 'string' : 'undefined');
      assert.deepEqual(rest, input);
    });
  }

  test('a length of time ago becomes Unix milliseconds', async () => {
    await using gateway = await fakeGateway(() => ({}));
    const before = Date.now() - 7 * 86_400_000;
    await cli(['sessions', 'list', '--active-since', '7d', '--json'], gateway);
    const { activeSince } = (gateway.calls[0]?.input ?? {}) as { activeSince: number };
    assert.ok(activeSince >= before && activeSince <= before + 60_000);
  });

  test('a candidate configuration is read from a file or from stdin', async () => {
    await using gateway = await fakeGateway(() => ({ ok: true, issues: [] }));
    const folder = mkdtempSync(join(tmpdir(), 'gh-cli-'));
    const file = join(folder, 'candidate.json5');
    writeFileSync(file, '{gateway: {}}');
    await cli(['config', 'validate', '--file', file], gateway);
    await cli(['config', 'validate', '--file', '-'], { ...gateway, stdin: '{a: 1}' });
    rmSync(folder, { recursive: true });
    assert.deepEqual(
      gateway.calls.map((call) => call.input),
      [{ text: '{gateway: {}}' }, { text: '{a: 1}' }],
    );
  });
});

describe('cli/bounds', () => {
  test('a file at the bound is read; one byte more, or a file without end, is refused', async () => {
    await using gateway = await fakeGateway(() => ({ ok: true, issues: [] }));
    const folder = mkdtempSync(join(tmpdir(), 'gh-cli-'));
    const file = join(folder, 'large.json5');
    writeFileSync(file, Buffer.alloc(MAX_FILE_BYTES, ' '));
    assert.equal((await cli(['config', 'validate', '--file', file], gateway)).code, 0);
    writeFileSync(file, Buffer.alloc(MAX_FILE_BYTES + 1, ' '));
    for (const path of [file, '/dev/zero', join(folder, 'absent')]) {
      const run = await cli(['config', 'validate', '--file', path], gateway);
      assert.equal(run.code, 2);
      assert.match(run.stderr, /CLI_FILE_UNREADABLE/);
    }
    rmSync(folder, { recursive: true });
    assert.equal(gateway.calls.length, 1);
  });

  test('an answer at the bound is read; one character more is refused', async () => {
    let size = MAX_ANSWER_CHARS;
    await using gateway = await fakeGateway((_call, response) => {
      const body = '{"ok":true,"result":{"ready":true}}';
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(body + ' '.repeat(size - body.length));
    });
    assert.equal((await cli(['health'], gateway)).code, 0);
    size += 1;
    const run = await cli(['health'], gateway);
    assert.equal(run.code, 4);
    assert.match(run.stderr, /CLI_ANSWER_INVALID: the answer is too large/);
  });
});

describe('cli/a wrong command line reaches no gateway', () => {
  const wrong: readonly (readonly [argv: readonly string[], message: RegExp, fix: string])[] = [
    [['tokn'], /unknown command 'tokn' \(Did you mean token\?\)/, 'gatehouse --help'],
    [['token', 'isue'], /Did you mean issue\?/, 'gatehouse token --help'],
    [['token', 'issue', 'x', '--scops', 'a'], /Did you mean --scopes\?/, 'gatehouse token issue --help'],
    [['token', 'issue', 'x'], /--scopes is missing/, 'gatehouse token issue --help'],
    [['run', 'wait', 'r1', '--timeout', '30'], /length of time with its unit/, 'gatehouse run wait --help'],
    [['sessions', 'list', '--limit', 'many'], /must be a number/, 'gatehouse sessions list --help'],
    [['tools', 'invoke', 'list', '{path'], /must be JSON/, 'gatehouse tools invoke --help'],
    [
      ['config', 'diff', '3', '4', '5'],
      /too many arguments/,
      'gatehouse config diff --help; a text of several words needs quotes',
    ],
    [['completion', 'tcsh'], /bash, zsh, fish/, 'gatehouse --help'],
  ];
  for (const [argv, message, fix] of wrong) {
    test(argv.join(' '), async () => {
      await using gateway = await fakeGateway(() => ({}));
      const run = await cli(argv, gateway);
      assert.equal(run.code, 2);
      assert.match(run.stderr, message);
      assert.ok(run.stderr.includes(`fix: ${fix}\n`), run.stderr);
      assert.equal(run.stdout, '');
      assert.deepEqual(gateway.calls, []);
    });
  }

  test('a group alone shows what is in it, as a wrong command line', async () => {
    const run = await cli(['token']);
    assert.equal(run.code, 2);
    assert.equal(run.stdout, '');
    assert.match(run.stderr, /issue.*revoke/s);
  });

  test('help that was asked for is a result with examples and exit codes', async () => {
    const root = await cli(['--help']);
    assert.equal(root.code, 0);
    assert.match(root.stdout, /Exit codes:/);
    const command = await cli(['token', 'issue', '--help']);
    assert.equal(command.code, 0);
    assert.match(command.stdout, /Examples:\n {2}gatehouse token issue laptop/);
  });

  test('the version is one line', async () => {
    assert.deepEqual(await cli(['--version']), { code: 0, stdout: '1.2.3\n', stderr: '' });
  });
});

describe('cli/where the gateway is', () => {
  test('without a gateway a command that needs one exits 4 and says how to start it', async () => {
    const run = await cli(['gateway', 'status']);
    assert.equal(run.code, 4);
    assert.match(run.stderr, /CLI_GATEWAY_NOT_RUNNING.*\nfix: gatehouse gateway run\n/);
  });

  test('without a gateway an offline command runs in this process and closes the home again', async () => {
    let closed = 0;
    const dispatcher: Dispatcher = {
      operations: [],
      call: async (id, _caller, input) => ({ ok: true, issues: [], seen: { id, input } }),
    };
    const local = async () => ({ dispatcher, caller: {} as Caller, close: async () => void closed++ });
    const run = await cli(['config', 'validate', '--json'], { local });
    assert.equal(run.code, 0);
    assert.deepEqual(JSON.parse(run.stdout).seen, { id: 'config.validate', input: {} });
    assert.equal(closed, 1);
    assert.equal(run.stderr, '');
    const said = await cli(['config', 'validate'], { local });
    assert.match(said.stderr, /^No gateway runs;/);
  });

  test('a gateway that drops the connection is never replaced by this process', async () => {
    await using gateway = await fakeGateway((_call, response) => void response.destroy());
    const run = await cli(['config', 'set', 'a', '1'], gateway);
    assert.equal(run.code, 4);
    assert.match(run.stderr, /CLI_GATEWAY_UNREACHABLE/);
  });

  test('something that is not a gateway is not believed', async () => {
    await using gateway = await fakeGateway((_call, response) => void response.end('<html>'));
    const run = await cli(['health'], gateway);
    assert.equal(run.code, 4);
    assert.match(run.stderr, /CLI_ANSWER_INVALID/);
  });

  test('cli/socket in a folder that others can enter: refused', async () => {
    await using gateway = await fakeGateway(() => ({}));
    chmodSync(dirname(gateway.socketPath), 0o755);
    const run = await cli(['health'], gateway);
    assert.equal(run.code, 3);
    assert.match(run.stderr, /CLI_SOCKET_NOT_PRIVATE/);
    assert.deepEqual(gateway.calls, []);
  });

  test('a home below a file is no home, and nobody listens there', async () => {
    const run = await cli(['gateway', 'status'], { socketPath: '/etc/passwd/run/gateway.sock' });
    assert.equal(run.code, 4);
    assert.match(run.stderr, /CLI_GATEWAY_NOT_RUNNING/);
  });

  test('GATEHOUSE_URL with GATEHOUSE_TOKEN reaches a gateway behind a tunnel', async () => {
    await using gateway = await fakeGateway(() => ({ tokens: [] }), 'tcp');
    const env = { GATEHOUSE_URL: `http://127.0.0.1:${gateway.port}`, GATEHOUSE_TOKEN: 'gth_a_b_c' };
    const run = await cli(['token', 'list'], { env });
    assert.equal(run.code, 0, run.stderr);
    assert.equal(gateway.calls[0]?.headers['authorization'], 'Bearer gth_a_b_c');
  });

  const urls = [
    'http://gateway.example.com:18789',
    'https://127.0.0.1:18789',
    'http://user:pass@127.0.0.1:18789',
    'http://127.0.0.1:18789/?token=x',
    'http://127.0.0.1.evil.example:18789',
    'not a url',
  ];
  for (const url of urls) {
    test(`cli/token sent to ${url}: refused`, async () => {
      const run = await cli(['token', 'list'], { env: { GATEHOUSE_URL: url, GATEHOUSE_TOKEN: 'gth_a_b_c' } });
      assert.equal(run.code, 2);
      assert.match(run.stderr, /CLI_URL_INVALID/);
      assert.ok(!run.stderr.includes('gth_a_b_c'));
    });
  }

  test('GATEHOUSE_URL without a token is refused before anything is sent', async () => {
    await using gateway = await fakeGateway(() => ({}), 'tcp');
    const run = await cli(['health'], { env: { GATEHOUSE_URL: `http://127.0.0.1:${gateway.port}` } });
    assert.equal(run.code, 3);
    assert.deepEqual(gateway.calls, []);
  });

  test('a URL where nobody listens exits 4 and does not fall back to the home', async () => {
    const env = { GATEHOUSE_URL: 'http://127.0.0.1:1', GATEHOUSE_TOKEN: 'gth_a_b_c' };
    const run = await cli(['token', 'list'], { env });
    assert.equal(run.code, 4);
  });
});

describe('cli/streams and processes', () => {
  const record = {
    writer: 'gateway',
    seq: 7,
    at: 1_700_000_000_000,
    prev: 'p',
    hash: 'h',
    type: 'decision',
    action: 'tool.call',
    outcome: 'deny',
    code: 'EXEC_COMMAND_DENIED',
  };

  test('ledger tail --follow prints records as they come, until the stream ends', async () => {
    await using gateway = await fakeGateway((_call, response) => {
      const lines = stream(response);
      lines.event(record);
      lines.event({ ...record, seq: 8 });
      lines.result({ records: [] });
    });
    const run = await cli(['ledger', 'tail', '--follow'], gateway);
    assert.equal(run.code, 0);
    assert.match(run.stdout, /gateway#7 .*deny.*\n.*gateway#8 /);
    const asJson = await cli(['ledger', 'tail', '--follow', '--json'], gateway);
    assert.deepEqual(
      asJson.stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line).seq),
      [7, 8],
    );
  });

  test('gateway start prints the measured posture and the first token once', async () => {
    const posture = [
      { area: 'listen', required: 'loopback', measured: '127.0.0.1 only', holds: true },
      { area: 'egress', required: 'one way out', measured: 'not running', holds: false },
    ] as const;
    const start = async () => ({ pid: 7, address: '127.0.0.1:18789', posture, token: 'gth_a_b_c' });
    const run = await cli(['gateway', 'start'], { processes: { start } });
    assert.equal(run.code, 0);
    assert.match(run.stdout, /holds {2}listen +127\.0\.0\.1 only/);
    assert.match(run.stdout, /FAILS {2}egress +not running \(required: one way out\)/);
    assert.match(run.stdout, /token: gth_a_b_c/);
  });

  test('gateway run hands its exit code on', async () => {
    assert.equal((await cli(['gateway', 'run'], { processes: { run: async () => 7 } })).code, 7);
  });
});
