import { spawn } from 'node:child_process';
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { isAbsolute } from 'node:path';
import { SECRETS_CODES } from './codes.ts';
import type { SecretBinding } from './reference.ts';

/** What of a binding says where its value comes from. */
type Source = Pick<SecretBinding, 'name' | 'source' | 'id'>;

/** Characters of one value; far beyond any key, short enough for a header. */
export const MAX_SECRET_LENGTH = 8_192;
/** Milliseconds a secret command may take. */
const SECRET_COMMAND_MS = 10_000;
const MAX_SECRET_OUTPUT = 65_536;

export interface ResolveOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly commandMs?: number;
}

function unresolved(reference: Source, why: string, cause?: unknown): Error {
  return SECRETS_CODES.error(
    'SECRETS_UNRESOLVED',
    `the secret ${reference.name} cannot be resolved: ${why}`,
    {
      details: { reference: reference.name, source: reference.source },
      ...(cause === undefined ? {} : { cause }),
    },
  );
}

/**
 * The value of one reference. Errors name the reference and never the value.
 *
 * @throws SECRETS_UNRESOLVED, SECRETS_FILE_PERMISSIONS, SECRETS_VALUE_INVALID
 */
export async function resolveSecret(reference: Source, options: ResolveOptions): Promise<string> {
  const raw = await read(reference, options);
  const value = raw.replace(/\r?\n$/, '');
  if (value === '') throw unresolved(reference, 'it is empty');
  if (value.length > MAX_SECRET_LENGTH || !/^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(value)) {
    throw SECRETS_CODES.error(
      'SECRETS_VALUE_INVALID',
      `the secret ${reference.name} has a value that no header can carry`,
      {
        details: { reference: reference.name },
      },
    );
  }
  return value;
}

async function read(reference: Source, options: ResolveOptions): Promise<string> {
  switch (reference.source) {
    case 'env': {
      const value = options.env[reference.id];
      if (value === undefined) throw unresolved(reference, `the variable ${reference.id} is not set`);
      return value;
    }
    case 'file':
      return readPrivateFile(reference);
    case 'exec':
      return runCommand(reference, options);
  }
}

async function readPrivateFile(reference: Source): Promise<string> {
  if (!isAbsolute(reference.id)) throw unresolved(reference, 'the path is not absolute');
  let file;
  try {
    // One descriptor for check and read: the file cannot be exchanged between them. A pipe must not block.
    file = await open(reference.id, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (cause) {
    throw unresolved(reference, 'the file cannot be opened', cause);
  }
  try {
    const facts = await file.stat();
    if (!facts.isFile()) throw unresolved(reference, 'it is not a file');
    const mine = process.getuid === undefined || facts.uid === process.getuid() || facts.uid === 0;
    if ((facts.mode & 0o077) !== 0 || !mine) {
      throw SECRETS_CODES.error(
        'SECRETS_FILE_PERMISSIONS',
        `the file of the secret ${reference.name} can be read by other accounts`,
        {
          details: { reference: reference.name },
        },
      );
    }
    if (facts.size > MAX_SECRET_OUTPUT) throw unresolved(reference, 'the file is too large');
    const { buffer, bytesRead } = await file.read(Buffer.alloc(MAX_SECRET_OUTPUT), 0, MAX_SECRET_OUTPUT, 0);
    return buffer.subarray(0, bytesRead).toString('utf8');
  } finally {
    await file.close();
  }
}

function argvOf(reference: Source): readonly [string, ...string[]] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(reference.id);
  } catch {
    parsed = undefined;
  }
  const [program, ...rest]: readonly unknown[] = Array.isArray(parsed) ? parsed : [];
  if (
    typeof program !== 'string' ||
    !isAbsolute(program) ||
    !rest.every((word) => typeof word === 'string')
  ) {
    throw unresolved(reference, 'the command must be a list of words that begins with an absolute path');
  }
  return [program, ...(rest as string[])];
}

/** Runs a vault's own command line by argv: no shell, bounded in time and output, standard error thrown away. */
function runCommand(reference: Source, options: ResolveOptions): Promise<string> {
  const [program, ...args] = argvOf(reference);
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      stdio: ['ignore', 'pipe', 'ignore'],
      env: options.env,
      shell: false,
    });
    const chunks: Buffer[] = [];
    let size = 0;
    const fail = (why: string, cause?: unknown): void => {
      clearTimeout(timer);
      child.stdout.destroy();
      child.kill('SIGKILL');
      reject(unresolved(reference, why, cause));
    };
    const timer = setTimeout(() => fail('the command took too long'), options.commandMs ?? SECRET_COMMAND_MS);
    child.stdout.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > MAX_SECRET_OUTPUT) fail('the command wrote too much');
      else chunks.push(chunk);
    });
    child.once('error', (cause) => fail('the command cannot be started', cause));
    child.once('close', (code) => {
      clearTimeout(timer);
      if (code === 0) resolve(Buffer.concat(chunks).toString('utf8'));
      else fail(`the command ended with ${code ?? 'a signal'}`);
    });
  });
}
