import type { ListeningSocket, OpenConnection } from './socket-types.ts';

export interface LsofSockets {
  readonly listeners: readonly ListeningSocket[];
  readonly connections: readonly OpenConnection[];
}

interface OpenFile {
  type: string;
  name: string;
  state: string;
}

/**
 * lsof's field output (-F pftnPT, lsof(8) "OUTPUT FOR OTHER PROGRAMS"): a letter and a value a line, `p` begins a
 * process and `f` a file.
 */
export function parseLsof(text: string): LsofSockets {
  const listeners: ListeningSocket[] = [];
  const connections: OpenConnection[] = [];
  let pid = 0;
  let file: OpenFile | undefined;
  const finish = () => {
    if (file !== undefined) add(pid, file, listeners, connections);
    file = undefined;
  };
  for (const line of text.split('\n')) {
    const value = line.slice(1);
    if (line.startsWith('p') || line.startsWith('f')) finish();
    if (line.startsWith('p')) pid = Number(value);
    else if (line.startsWith('f')) file = { type: '', name: '', state: '' };
    else if (file === undefined) continue;
    else if (line.startsWith('t')) file.type = value;
    else if (line.startsWith('n')) file.name = value;
    else if (line.startsWith('TST=')) file.state = line.slice(4);
  }
  finish();
  return { listeners, connections };
}

function add(pid: number, file: OpenFile, listeners: ListeningSocket[], connections: OpenConnection[]): void {
  if (file.type === 'unix') {
    if (file.name.startsWith('/')) listeners.push({ pid, family: 'unix', address: file.name, port: null });
    return;
  }
  if (file.type !== 'IPv4' && file.type !== 'IPv6') return;
  const family = file.type === 'IPv4' ? 'tcp4' : 'tcp6';
  const [near = '', far] = file.name.split('->');
  if (file.state === 'LISTEN') listeners.push({ pid, family, ...place(near, family) });
  else if (far !== undefined)
    connections.push({ pid, ...place(far, family), localPort: place(near, family).port });
}

function place(text: string, family: 'tcp4' | 'tcp6'): { readonly address: string; readonly port: number } {
  const at = text.lastIndexOf(':');
  const host = text.slice(0, at).replaceAll(/[[\]]/g, '');
  const any = family === 'tcp4' ? '0.0.0.0' : '::';
  return { address: host === '*' ? any : host, port: Number(text.slice(at + 1)) };
}
