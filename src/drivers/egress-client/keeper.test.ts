import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, statSync, watch } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { GATEWAY_PID_VARIABLE, startKeeper } from './index.ts';

function temporary() {
  const folder = mkdtempSync(join(tmpdir(), 'gh-keeper-'));
  return { folder, [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }) };
}

/** Resolves once the log holds the text. */
async function logged(file: string, wanted: (text: string) => boolean): Promise<string> {
  const watcher = watch(file);
  try {
    for (;;) {
      const text = readFileSync(file, 'utf8');
      if (wanted(text)) return text;
      await once(watcher, 'change');
    }
  } finally {
    watcher.close();
  }
}

/** A stand-in for the gateway: lives until it is killed. */
function standIn() {
  return spawn('/bin/sleep', ['60'], { stdio: 'ignore' });
}

test('the keeper restarts egress with back-off and gives it the environment and the pid of the gateway', async () => {
  using home = temporary();
  const gateway = standIn();
  const logFile = join(home.folder, 'egress.log');
  const script = `console.log('life', process.env.KEY, process.env.${GATEWAY_PID_VARIABLE}); process.exit(3)`;
  const keeper = startKeeper({
    nodePath: process.execPath,
    argv: ['-e', script],
    env: { PATH: process.env['PATH'], KEY: 'value' },
    gatewayPid: gateway.pid ?? 0,
    logFile,
  });
  const text = await logged(logFile, (log) => log.split('life').length > 3);
  assert.ok(text.includes(`life value ${gateway.pid}`));
  assert.equal(statSync(logFile).mode & 0o077, 0);
  keeper.kill('SIGTERM');
  await once(keeper, 'close');
  gateway.kill();
});

test('the keeper passes TERM on to egress and ends after it', async () => {
  using home = temporary();
  const gateway = standIn();
  const logFile = join(home.folder, 'egress.log');
  const script = `process.on('SIGTERM', () => { console.log('drained'); process.exit(0) }); setInterval(() => {}, 1000); console.log('up')`;
  const keeper = startKeeper({
    nodePath: process.execPath,
    argv: ['-e', script],
    env: { PATH: process.env['PATH'] },
    gatewayPid: gateway.pid ?? 0,
    logFile,
  });
  await logged(logFile, (log) => log.includes('up'));
  keeper.kill('SIGTERM');
  const [code] = await once(keeper, 'close');
  assert.equal(code, 0);
  assert.match(readFileSync(logFile, 'utf8'), /drained/);
  gateway.kill();
});

test('the keeper ends with egress when the gateway is gone', async () => {
  using home = temporary();
  const gateway = standIn();
  const logFile = join(home.folder, 'egress.log');
  const script = `process.stdin.resume(); console.log('up'); setTimeout(() => process.exit(0), 300)`;
  const keeper = startKeeper({
    nodePath: process.execPath,
    argv: ['-e', script],
    env: { PATH: process.env['PATH'] },
    gatewayPid: gateway.pid ?? 0,
    logFile,
  });
  await logged(logFile, (log) => log.includes('up'));
  gateway.kill('SIGKILL');
  await Promise.all([once(gateway, 'close'), once(keeper, 'close')]);
  assert.equal(readFileSync(logFile, 'utf8').split('up').length, 2);
});
