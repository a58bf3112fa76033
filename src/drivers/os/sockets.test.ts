import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseLsof } from './lsof.ts';
import { parseTcpTable } from './proc-net.ts';
import { measureSockets } from './sockets.ts';

test('every listener of a process is found as the kernel has it, and a connection it opened is outbound', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'gh-sockets-'));
  const path = join(folder, 'a.sock');
  const accepted: Socket[] = [];
  const tcp = createServer((socket) => accepted.push(socket)).listen(0, '127.0.0.1');
  const unix = createServer().listen(path);
  await Promise.all([once(tcp, 'listening'), once(unix, 'listening')]);
  const { port } = tcp.address() as { port: number };
  const client = connect(port, '127.0.0.1');
  await Promise.all([once(client, 'connect'), once(tcp, 'connection')]);
  try {
    const { listeners, outbound } = await measureSockets([process.pid]);
    assert.ok(
      listeners.some((item) => item.family === 'tcp4' && item.address === '127.0.0.1' && item.port === port),
    );
    assert.ok(listeners.some((item) => item.family === 'unix' && item.address === path));
    assert.deepEqual(
      outbound.filter((item) => item.port === port),
      [{ pid: process.pid, address: '127.0.0.1', port }],
    );
  } finally {
    client.destroy();
    for (const socket of accepted) socket.destroy();
    tcp.close();
    unix.close();
    rmSync(folder, { recursive: true });
  }
});

test('addresses of the kernel tables are read in network order, IPv6 in its canonical text', () => {
  const row = '0: 0100007F:4965 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 77 1';
  const [four] = parseTcpTable(`header\n${row}`, 'tcp4');
  assert.deepEqual(four?.local, { address: '127.0.0.1', port: 18789 });
  assert.equal(four?.state, 'listen');
  const six =
    '0: 00000000000000000000000001000000:4965 00000000000000000000000000000000:0000 0A 0:0 0:0 0 0 0 78 1';
  assert.equal(parseTcpTable(`header\n${six}`, 'tcp6')[0]?.local.address, '::1');
  const mapped =
    '0: 0000000000000000FFFF00000100007F:0016 00000000000000000000000000000000:0000 01 0:0 0:0 0 0 0 79 1';
  assert.equal(parseTcpTable(`header\n${mapped}`, 'tcp6')[0]?.local.address, '::ffff:7f00:1');
});

test('a truncated table gives the rows that are whole', () => {
  assert.deepEqual(parseTcpTable('header\n0: 0100007F', 'tcp4'), []);
  assert.deepEqual(parseTcpTable('', 'tcp6'), []);
});

test('lsof on macOS is read field by field', () => {
  const sample = [
    'p501',
    'f12',
    'tIPv4',
    'PTCP',
    'n127.0.0.1:18789',
    'TST=LISTEN',
    'f13',
    'tIPv6',
    'PTCP',
    'n*:9000',
    'TST=LISTEN',
    'f14',
    'tIPv4',
    'PTCP',
    'n127.0.0.1:50000->10.0.0.9:443',
    'TST=ESTABLISHED',
    'f15',
    'tunix',
    'n/Users/a/.gatehouse/run/gateway.sock',
    '',
  ].join('\n');
  const { listeners, connections } = parseLsof(sample);
  assert.deepEqual(
    listeners.map(({ family, address, port }) => [family, address, port]),
    [
      ['tcp4', '127.0.0.1', 18789],
      ['tcp6', '::', 9000],
      ['unix', '/Users/a/.gatehouse/run/gateway.sock', null],
    ],
  );
  assert.equal(connections[0]?.address, '10.0.0.9');
});
