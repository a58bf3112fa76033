import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { providerFetch } from './index.ts';

test('a body that nobody wants is dropped, whatever of it is on its way, and the process goes on', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'gh-fetch-'));
  const socket = join(folder, 'provider.sock');
  const server = createServer((_request, response) => {
    response.write('{');
    setImmediate(() => response.end('}'.repeat(100_000)));
  });
  server.listen(socket);
  await once(server, 'listening');
  const fetch = providerFetch(socket);
  try {
    for (let round = 0; round < 20; round += 1) {
      const answer = await fetch('http://callback.example/');
      await answer.body?.cancel();
    }
    const whole = await fetch('http://callback.example/');
    assert.equal((await whole.text()).length, 100_001);
  } finally {
    server.closeAllConnections();
    server.close();
    rmSync(folder, { recursive: true });
  }
});
