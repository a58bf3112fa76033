import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { pause } from './measure.ts';
import { sandboxRuntime } from './peers.ts';

/** A proxy on a loopback port, and the head of a CONNECT that it accepts. */
export interface PeerProxy {
  readonly port: number;
  readonly opening: string;
}

const TINYPROXY_PORT = 28_821;

/** Tinyproxy from Debian with one rule, as its manual page shows it. */
export async function tinyproxy(
  folder: string,
  target: number,
  children: ChildProcess[],
): Promise<PeerProxy> {
  const config = join(folder, 'tinyproxy.conf');
  writeFileSync(join(folder, 'filter'), '^127\\.0\\.0\\.1$\n');
  writeFileSync(
    config,
    [
      `Port ${TINYPROXY_PORT}`,
      'Listen 127.0.0.1',
      'Timeout 60',
      'MaxClients 200',
      'Allow 127.0.0.1',
      `ConnectPort ${target}`,
      `Filter "${join(folder, 'filter')}"`,
      'FilterDefaultDeny Yes',
      'LogLevel Connect',
      `LogFile "${join(folder, 'tinyproxy.log')}"`,
    ].join('\n'),
  );
  children.push(spawn('tinyproxy', ['-d', '-c', config], { stdio: 'ignore' }));
  await answers(TINYPROXY_PORT);
  return { port: TINYPROXY_PORT, opening: connectHead(target) };
}

/** The proxy of Anthropic's sandbox runtime, in a process of its own, with one rule. */
export async function sandboxRuntimeProxy(target: number, children: ChildProcess[]): Promise<PeerProxy> {
  const child = fork(fileURLToPath(import.meta.url));
  children.push(child);
  const [{ port, token }] = (await once(child, 'message')) as [{ port: number; token?: string }];
  const user = `srt.${Buffer.from('true').toString('base64')}:${token ?? ''}`;
  const authorization = `Proxy-Authorization: Basic ${Buffer.from(user).toString('base64')}`;
  return { port, opening: connectHead(target, [authorization]) };
}

function connectHead(target: number, headers: readonly string[] = []): string {
  const host = `127.0.0.1:${target}`;
  return [`CONNECT ${host} HTTP/1.1`, `Host: ${host}`, ...headers, '', ''].join('\r\n');
}

async function answers(port: number): Promise<void> {
  for (let tries = 0; tries < 500; tries += 1) {
    const socket = connect(port, '127.0.0.1');
    const up = await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(true));
      socket.once('error', () => resolve(false));
    });
    socket.destroy();
    if (up) return;
    await pause(20);
  }
  throw new Error(`nothing listens on ${port}`);
}

if (import.meta.main) {
  const runtime = await sandboxRuntime();
  await runtime.initialize({
    network: { allowedDomains: ['127.0.0.1'], deniedDomains: [] },
    filesystem: { denyRead: [], allowWrite: [], denyWrite: [] },
  });
  // The token of a proxy is made with the first command.
  await runtime.wrapWithSandbox('true');
  process.send?.({ port: runtime.getProxyPort(), token: runtime.getProxyAuthToken?.() });
}
