import { execFile } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import { access, readFile } from 'node:fs/promises';
import { dirname, isAbsolute, join } from 'node:path';
import { promisify } from 'node:util';
import { parseEffective, parseFiles, type SshdFacts, type SshdView } from '../../controls/listen/index.ts';
import { parseTcpTable } from './proc-net.ts';

/** Milliseconds for one question to sshd; it answers in about 20. */
const SSHD_TIMEOUT_MS = 2_000;

export interface SshdPlaces {
  /** sshd insists on being called by its whole path. */
  readonly programs: readonly string[];
  readonly config: string;
}

export const SSHD_PLACES: SshdPlaces = {
  programs: ['/usr/sbin/sshd', '/usr/local/sbin/sshd', '/usr/bin/sshd'],
  config: '/etc/ssh/sshd_config',
};

const NONE: SshdFacts = { views: [], source: 'asked', unknown: [] };

/**
 * How the sshd of this machine would treat a login: everybody's, and that of `user`. Only root may ask sshd; for
 * others its files are read as far as they can be. An sshd that nobody can connect to is none.
 */
export async function measureSshd(
  user: string,
  isRoot: boolean,
  places: SshdPlaces = SSHD_PLACES,
): Promise<SshdFacts> {
  const asked = isRoot ? await askSshd(user, places) : undefined;
  const facts = asked ?? readSshd(places);
  if (facts === undefined) {
    const exists = await access(places.config).then(() => true, isDenied);
    return exists && (await listens(['22']))
      ? { views: [], source: 'unknown', unknown: [places.config] }
      : NONE;
  }
  const ports = facts.views[0]?.settings.get('port') ?? ['22'];
  return (await listens(ports)) ? facts : NONE;
}

function isDenied(thrown: NodeJS.ErrnoException): boolean {
  return thrown.code === 'EACCES';
}

/** `sshd -T`, once as it is and once for one login, so that `Match` blocks count. */
async function askSshd(user: string, { programs, config }: SshdPlaces): Promise<SshdFacts | undefined> {
  const ask = async (program: string, ...words: readonly string[]) => {
    const options = { timeout: SSHD_TIMEOUT_MS, env: {}, maxBuffer: 1024 * 1024 };
    const { stdout } = await promisify(execFile)(program, ['-T', '-f', config, ...words], options);
    return parseEffective(stdout);
  };
  for (const program of programs) {
    try {
      const [everybody, one] = await Promise.all([
        ask(program),
        ask(program, '-C', `user=${user},host=localhost,addr=127.0.0.1,laddr=127.0.0.1,lport=22`),
      ]);
      const views: SshdView[] = [{ settings: everybody }, { user, settings: one }];
      return { views, source: 'asked', unknown: [] };
    } catch {
      // Not here, or it does not answer: the next place, then the files.
    }
  }
  return undefined;
}

function readSshd({ config }: SshdPlaces): SshdFacts | undefined {
  const text = fileText(config);
  if (text === undefined) return undefined;
  const include = (pattern: string) =>
    globSync(isAbsolute(pattern) ? pattern : join(dirname(config), pattern))
      .sort()
      .map(fileText);
  const { settings, unknown } = parseFiles(text, include);
  return { views: [{ settings }], source: 'read', unknown };
}

function fileText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

/** Whether anybody accepts connections on one of these ports; also when a service manager holds the socket. */
async function listens(ports: readonly string[]): Promise<boolean> {
  if (process.platform === 'darwin') return listensByNetstat(ports);
  const tables = await Promise.all(
    (['tcp4', 'tcp6'] as const).map(async (family) => {
      const text = await readFile(`/proc/net/${family === 'tcp4' ? 'tcp' : 'tcp6'}`, 'utf8').catch(() => '');
      return parseTcpTable(text, family);
    }),
  );
  return tables.flat().some(({ state, local }) => state === 'listen' && ports.includes(String(local.port)));
}

/** launchd holds the socket there, so lsof of an ordinary account does not see it. */
async function listensByNetstat(ports: readonly string[]): Promise<boolean> {
  const { stdout } = await promisify(execFile)('/usr/sbin/netstat', ['-anp', 'tcp'], {
    timeout: SSHD_TIMEOUT_MS,
  }).catch(() => ({ stdout: '' }));
  return stdout
    .split('\n')
    .some((line) => line.includes('LISTEN') && ports.includes(/\.(\d+)\s+\*\.\*/.exec(line)?.[1] ?? ''));
}
