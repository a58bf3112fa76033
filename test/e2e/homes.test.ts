import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { startCommand } from '../fixtures/command.ts';
import { runCli, temporaryHome } from '../fixtures/gateway.ts';
import { allEnded, removeHome } from '../fixtures/processes.ts';

describe('a home that cannot be one', () => {
  for (const home of [
    '/proc/gatehouse',
    '/proc/1/gatehouse/deeper',
    '/sys/gatehouse',
    '/dev/null/gatehouse',
  ]) {
    test(`${home}: refused at once, with what to do`, async () => {
      const { code, stderr } = await runCli('/tmp', ['config', 'validate'], {
        env: { GATEHOUSE_HOME: home },
      });
      assert.notEqual(code, 0);
      assert.match(stderr, /HOME_UNUSABLE[^]*GATEHOUSE_HOME/);
    });
  }
});

test('two gateways started at the same moment on one new home: one runs, the other says so and changes nothing', async () => {
  const home = temporaryHome();
  const both = [startCommand(home, ['gateway', 'run']), startCommand(home, ['gateway', 'run'])];
  try {
    const outcomes = await Promise.all(
      both.map((one) =>
        Promise.race([one.until(/ready on http/).then(() => 'ready'), one.ended.then(() => 'ended')]).catch(
          () => 'ended',
        ),
      ),
    );
    assert.deepEqual(outcomes.sort(), ['ended', 'ready']);
    const texts = both.map((one) => `${one.stdout()}${one.stderr()}`);
    assert.equal(texts.filter((text) => /gth_\S+/.test(text)).length, 1, 'one first token');
    assert.match(
      texts.find((text) => !text.includes('ready on')) ?? '',
      /GATEWAY_ALREADY_RUNNING|LEDGER_WRITER_BUSY/,
    );
    const status = await runCli(home, ['gateway', 'status', '--json']);
    assert.equal((status.json as { ready: boolean }).ready, true, status.stderr);
    const verified = await runCli(home, ['ledger', 'verify', '--json']);
    assert.equal((verified.json as { ok: boolean }).ok, true);
  } finally {
    for (const one of both) await one.kill('SIGTERM').catch(() => undefined);
    await allEnded(home);
    await removeHome(home);
  }
});
