import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmodSync, mkdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { startCommand } from '../fixtures/command.ts';
import { startGateway, temporaryHome } from '../fixtures/gateway.ts';
import { operate } from '../fixtures/operator.ts';
import { allEnded, removeHome } from '../fixtures/processes.ts';

interface Failed {
  readonly code: number | null;
  readonly stderr: string;
  readonly stdout: string;
}

/** A start that is expected to fail: it ends by itself, says why, and leaves no process behind. */
async function failedStart(home: string, env: Readonly<Record<string, string>> = {}): Promise<Failed> {
  const command = startCommand(home, ['gateway', 'run'], { env });
  const code = await command.ended;
  await allEnded(home);
  return { code, stderr: command.stderr(), stdout: command.stdout() };
}

async function withHome(use: (home: string) => Promise<void>): Promise<void> {
  const home = temporaryHome();
  try {
    await use(home);
  } finally {
    await removeHome(home);
  }
}

async function failsWith(config: string | Buffer, ...said: readonly RegExp[]): Promise<void> {
  await withHome(async (home) => {
    writeFileSync(join(home, 'gatehouse.json'), config);
    const { code, stderr, stdout } = await failedStart(home);
    assert.equal(code, 1, stderr);
    for (const pattern of said) assert.match(stderr, pattern);
    assert.doesNotMatch(stderr, /\n {4}at /);
    assert.doesNotMatch(stdout, /ready/);
  });
}

describe('one home', () => {
  test('start/a second gateway on the same home: refused', async () => {
    await using gateway = await startGateway({ home: temporaryHome() });
    const second = startCommand(gateway.home, ['gateway', 'run']);
    assert.equal(await second.ended, 1);
    assert.match(second.stderr(), /^GATEWAY_ALREADY_RUNNING: .*\nfix: /);
    assert.equal((await operate(gateway.home, 'gateway.status')).result['ready'], true);
    await gateway.stop();
    await removeHome(gateway.home);
  });

  test('start/two gateways at the same moment: refused', async () => {
    await withHome(async (home) => {
      const both = [1, 2].map(() => startCommand(home, ['gateway', 'run']));
      const ready = Promise.any(both.map((one) => one.until(/doctor\n/)));
      const ended = Promise.race(both.map((one) => one.ended));
      await Promise.all([ready, ended]);
      const [loser] = both.filter((one) => one.stderr() !== '');
      assert.match(loser?.stderr() ?? '', /^[A-Z]+_[A-Z_]+: .*\nfix: /);
      assert.equal((await operate(home, 'gateway.status')).result['ready'], true);
      await Promise.all(both.map((one) => one.kill('SIGTERM')));
    });
  });

  test('is closed to other accounts before anything is read from it', async () => {
    await withHome(async (home) => {
      chmodSync(home, 0o755);
      mkdirSync(join(home, 'state'), { mode: 0o777 });
      await using gateway = await startGateway({ home });
      for (const folder of ['', 'state', 'keys', 'run', 'logs']) {
        assert.equal(statSync(join(home, folder)).mode & 0o777, 0o700, folder);
      }
      await gateway.stop();
    });
  });

  test('start/a home that is a link somebody may change: refused', async () => {
    await withHome(async (home) => {
      const link = `${home}-link`;
      symlinkSync(home, link);
      const { code, stderr } = await failedStart(link);
      rmSync(link);
      assert.equal(code, 1);
      assert.match(stderr, /^HOME_NOT_PRIVATE: /);
    });
  });

  test('start/a home that cannot be made: refused', async () => {
    const { code, stderr } = await failedStart('/dev/null/home');
    assert.equal(code, 1);
    assert.match(stderr, /^HOME_UNUSABLE: .*\nfix: .*GATEHOUSE_HOME/);
  });
});

describe('the port', () => {
  test('start/a port that another program has: refused', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    await withHome(async (home) => {
      const { code, stderr } = await failedStart(home, { GATEHOUSE_PORT: String(port) });
      assert.equal(code, 1);
      assert.match(stderr, new RegExp(`^GATEWAY_PORT_TAKEN: .*${port}.*\\nfix: `));
    });
    other.close();
  });

  for (const port of ['nonsense', '-1', '65536', '1e3', '0x50']) {
    test(`start/GATEHOUSE_PORT=${port}: refused`, async () => {
      await withHome(async (home) => {
        const { code, stderr } = await failedStart(home, { GATEHOUSE_PORT: port });
        assert.equal(code, 1);
        assert.match(stderr, /^GATEWAY_PORT_INVALID: /);
      });
    });
  }
});

describe('a configuration that cannot be used', () => {
  test('start/a file that was cut off: refused', () =>
    failsWith(
      '{ "gateway": { "port": 18',
      /^CONFIG_INVALID: /,
      /gatehouse\.json: .*CONFIG_TRUNCATED/,
      /\nfix: /,
    ));

  test('start/a key that does not exist: refused', () =>
    failsWith('{ gateway: { prot: 1 } }', /gateway\.prot/, /CONFIG_UNKNOWN_KEY/, /did you mean "port"/));

  test('start/a value of another type: refused', () =>
    failsWith('{ gateway: { port: "18789" } }', /gateway\.port: .*\(CONFIG_[A-Z_]+\)/));

  test('start/a key that stands twice: refused', () =>
    failsWith('{ gateway: { port: 1 }, gateway: { port: 2 } }', /CONFIG_DUPLICATE_KEY/));

  test('start/a file that is not UTF-8: refused', () =>
    failsWith(Buffer.from([0x7b, 0xff, 0xfe, 0x7d]), /CONFIG_[A-Z_0-9]+/));

  test('start/a playbook that does not exist: refused', () =>
    failsWith('{ agents: { defaults: { playbook: "unwritten" } } }', /PLAYBOOK_UNKNOWN/));

  test('start/a key of a provider that is not set: refused', () => {
    const provider = {
      baseUrl: 'http://127.0.0.1:9/v1',
      apiKey: '${NOT_SET_ANYWHERE}',
      models: [{ id: 'm' }],
    };
    const config = { models: { providers: { local: provider } } };
    return failsWith(JSON.stringify(config), /NOT_SET_ANYWHERE/, /\nfix: /);
  });

  test('start/an address that everybody could reach: refused', () =>
    failsWith(
      '{ gateway: { bind: "lan" } }',
      /LISTEN_EXPOSED: .*missing: TLS or a named trusted proxy; an address allow-list .*; a grant for listen\.open/,
    ));
});
