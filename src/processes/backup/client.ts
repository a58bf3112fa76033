import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  BACKUP_CODES,
  type BackupWorker,
  type CopyReport,
  type Sealed,
} from '../../controls/backup/index.ts';
import type { Logger } from '../../kernel/index.ts';
import type { Program } from '../program.ts';
import type { BackupAnswer, BackupRequest } from './protocol.ts';

const PASSED_ON = ['PATH', 'HOME', 'LANG', 'GATEHOUSE_HOME', 'GATEHOUSE_SOURCES', 'TMPDIR'];

/** One process per backup: nothing of it stays in memory. */
export function startBackupWorker(program: Program, logger: Logger): BackupWorker {
  const env = Object.fromEntries(PASSED_ON.flatMap((name) => [[name, process.env[name]] as const]));
  const child = spawn(process.execPath, ['--disable-sigusr1', program.entry, '__process', 'backup'], {
    env,
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  child.stderr?.on('data', (bytes: Buffer) =>
    logger.error('the backup process said', { text: bytes.toString('utf8').slice(0, 500) }),
  );
  const ended = new Promise<never>((_, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) =>
      reject(new Error(`the backup process ended with ${code ?? signal}`)),
    );
  });
  ended.catch(() => undefined);

  async function ask(request: BackupRequest): Promise<unknown> {
    const answered = once(child, 'message') as Promise<[BackupAnswer]>;
    answered.catch(() => undefined);
    child.send(request);
    const [answer] = await Promise.race([answered, ended]);
    if (answer.ok) return answer.result;
    if (answer.code in BACKUP_CODES.table)
      throw BACKUP_CODES.error(answer.code as keyof typeof BACKUP_CODES.table, answer.message);
    throw Object.assign(new Error(answer.message), { code: answer.code });
  }

  return {
    copy: (order) => ask({ op: 'copy', ...order }) as Promise<CopyReport>,
    seal: (order) => ask({ op: 'seal', ...order }) as Promise<Sealed>,
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const gone = once(child, 'exit');
      if (child.connected) child.disconnect();
      await gone;
    },
  };
}
