import { dirname } from 'node:path';
import { type Finding, hostAndPort } from '../../kernel/index.ts';
import { isLoopback } from './addresses.ts';

/** A socket that the kernel says is open (L2). */
export interface ListenerFact {
  readonly process: string;
  readonly family: 'tcp4' | 'tcp6' | 'unix';
  readonly address: string;
  readonly port: number | null;
}

export interface DeclaredListener {
  /** Canonical address, or the absolute path of a Unix socket. */
  readonly address: string;
  readonly port: number | null;
  /**
   * The address is a folder in which this process opens and closes Unix sockets, one per run. Any of them is declared,
   * none has to be there, and one of another process is not.
   */
  readonly folderOf?: string;
}

/** What a check of listeners looks at, as measured. */
export interface ListenFacts {
  readonly measured: readonly ListenerFact[];
  readonly declared: readonly DeclaredListener[];
  /** TCP connections that the gateway process itself opened. It dials nobody, so there are none. */
  readonly outbound: readonly { readonly process: string; readonly address: string; readonly port: number }[];
  /** The home directory: permission bits and owner, and who runs this process. */
  readonly home: { readonly path: string; readonly mode: number; readonly uid: number };
  readonly uid: number;
}

function nameOf(listener: DeclaredListener): string {
  if (listener.folderOf !== undefined) return `${listener.address}/*`;
  return hostAndPort(listener);
}

/** Whether the configuration declares this socket. */
export function isDeclared(listener: ListenerFact, declared: readonly DeclaredListener[]): boolean {
  return declared.some(({ address, port, folderOf }) => {
    if (folderOf === undefined) return address === listener.address && port === listener.port;
    return listener.process === folderOf && listener.port === null && dirname(listener.address) === address;
  });
}

function undeclared(facts: ListenFacts): readonly Finding[] {
  return facts.measured
    .filter((listener) => !isDeclared(listener, facts.declared))
    .map((listener) => {
      const isExposed = listener.family !== 'unix' && !isLoopback(listener.address);
      return {
        id: isExposed ? 'listen.exposed' : 'listen.undeclared',
        severity: isExposed ? 'critical' : 'high',
        title: `${listener.process} listens on ${nameOf(listener)}, which nothing declares`,
        expected: facts.declared.map(nameOf).join(', ') || 'no listener',
        found: nameOf(listener),
        fix: 'Find out what opened it (host networking, a debug port) and close it; then restart the gateway.',
        requirements: ['L1', 'L2'],
      };
    });
}

function absent(facts: ListenFacts): readonly Finding[] {
  return facts.declared
    .filter(({ folderOf }) => folderOf === undefined)
    .filter((item) => !facts.measured.some((listener) => isDeclared(listener, [item])))
    .map((item) => ({
      id: 'listen.absent',
      severity: 'warning',
      title: `${nameOf(item)} is declared and nobody listens there`,
      expected: nameOf(item),
      found: 'not open',
      fix: 'Look at logs/gateway.log for why it could not be opened; another program may hold the port.',
      requirements: ['L2'],
    }));
}

function outbound(facts: ListenFacts): readonly Finding[] {
  return facts.outbound.map((connection) => ({
    id: 'listen.gateway-dials',
    severity: 'critical',
    title: `${connection.process} has a connection of its own to ${nameOf(connection)}`,
    expected: 'only the egress process connects to anything',
    found: nameOf(connection),
    fix: 'Stop the gateway and find out what opened it: nothing in the gateway process may dial.',
    requirements: ['E1'],
  }));
}

/** Folders that a program copies to other machines. */
const SYNCED =
  /(?:^|\/)(?:Dropbox|Google ?Drive|OneDrive|Nextcloud|pCloud ?Drive|Sync|Syncthing|MEGA|Mobile Documents|com~apple~CloudDocs|iCloud ?Drive|CloudStorage)(?:\/|$)/i;

/** Whether a path lies in a folder that goes to other machines, with whatever is in it. */
export function isSynced(path: string): boolean {
  return SYNCED.test(path);
}

function homeFindings(facts: ListenFacts): readonly Finding[] {
  const findings: Finding[] = [];
  const { path, mode, uid } = facts.home;
  if ((mode & 0o077) !== 0) {
    findings.push({
      id: 'listen.home-open',
      severity: 'critical',
      title: 'other accounts can reach the home, and through it the operator socket',
      expected: '0700',
      found: `0${(mode & 0o777).toString(8)}`,
      fix: `chmod 700 ${path}`,
      requirements: ['A2', 'D3'],
    });
  }
  if (isSynced(path)) {
    findings.push({
      id: 'home.synced',
      severity: 'warning',
      title: 'the home is in a folder that is copied to other machines',
      expected: 'a folder of this machine alone',
      found: path,
      fix: 'Move it: keys, tokens and conversations go wherever the folder goes (GATEHOUSE_HOME names another).',
      requirements: ['D3'],
    });
  }
  if (uid !== facts.uid) {
    findings.push({
      id: 'listen.home-owner',
      severity: 'critical',
      title: 'the home belongs to another account than the gateway runs as',
      expected: `uid ${facts.uid}`,
      found: `uid ${uid}`,
      fix: 'Run the gateway as the owner of its home.',
      requirements: ['A2', 'D3'],
    });
  }
  return findings;
}

/** Findings about what can be reached, from facts that were measured and not believed. */
export function checkListeners(facts: ListenFacts): readonly Finding[] {
  return [...undeclared(facts), ...absent(facts), ...outbound(facts), ...homeFindings(facts)];
}
