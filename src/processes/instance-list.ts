import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import {
  checkInstances,
  checkNew,
  FIRST_PORT,
  freePort,
  INSTANCE_CODES,
  type Instance,
  logPrefixOf,
  unitOf,
  unitText,
} from '../controls/instances/index.ts';
import { asGatehouseError, type Finding } from '../kernel/index.ts';
import type { InstanceStatus, InstancesService } from '../operations/services.ts';
import { answers } from './answers.ts';
import { homePaths, prepareHome } from './home.ts';

/** The one place where the instances of an account are listed. */
export function registryFile(): string {
  return join(homedir(), '.config', 'gatehouse', 'instances.json');
}

/** The listed instances, and the usual home when there is one that is not listed. */
export function readInstances(file = registryFile()): readonly Instance[] {
  const listed = existsSync(file) ? parsed(file) : [];
  const home = homePaths({}).home;
  const isListed = listed.some((one) => one.home === home || one.name === 'default');
  if (isListed || !existsSync(join(home, 'state'))) return listed;
  return [{ name: 'default', home, port: FIRST_PORT }, ...listed];
}

/** A list that cannot be read is a finding, not the end of the others. */
export function instanceFindings(): readonly Finding[] {
  try {
    return checkInstances(readInstances());
  } catch (thrown) {
    const { message, fix } = asGatehouseError(thrown);
    const expected = 'a list of instances';
    const facts = { title: message, expected, found: 'something else', fix, requirements: ['D11'] };
    return [{ id: 'INSTANCES_UNREADABLE', severity: 'warning', ...facts }];
  }
}

function parsed(file: string): readonly Instance[] {
  try {
    const value: unknown = JSON.parse(readFileSync(file, 'utf8'));
    const isInstance = (one: Partial<Instance> | null): one is Instance =>
      typeof one?.name === 'string' && typeof one.home === 'string' && Number.isInteger(one.port);
    if (Array.isArray(value) && value.every(isInstance)) return value;
  } catch (cause) {
    throw INSTANCE_CODES.error('INSTANCE_REGISTRY_BROKEN', `${file} cannot be read`, { cause });
  }
  throw INSTANCE_CODES.error('INSTANCE_REGISTRY_BROKEN', `${file} is no list of instances`);
}

/** In one step, so that a crash leaves the old list or the new one. */
function write(file: string, instances: readonly Instance[]): void {
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    const fresh = `${file}.${process.pid}.new`;
    const handle = openSync(fresh, 'w', 0o600);
    writeSync(handle, `${JSON.stringify(instances, null, 2)}\n`);
    fsyncSync(handle);
    closeSync(handle);
    renameSync(fresh, file);
  } catch (cause) {
    throw INSTANCE_CODES.error('INSTANCE_REGISTRY_BROKEN', `${file} cannot be written`, { cause });
  }
}

async function statusOf(instance: Instance, program: string): Promise<InstanceStatus> {
  const { name, home, port } = instance;
  const { run } = homePaths({ GATEHOUSE_HOME: home });
  return {
    name,
    home,
    port,
    unit: unitOf(name),
    logPrefix: logPrefixOf(name),
    running: await answers(join(run, 'gateway.sock')),
    unitText: unitText(instance, program),
  };
}

/** Several installs side by side; nothing of a running one is touched. */
export function openInstances(program: string): InstancesService {
  const file = registryFile();
  return {
    list: () => Promise.all(readInstances(file).map((one) => statusOf(one, program))),
    async add({ name, home, port }) {
      const known = readInstances(file);
      const wanted = {
        name,
        home: home ?? join(homedir(), `.gatehouse-${name}`),
        port: port ?? freePort(known),
      };
      checkNew(wanted, known);
      const paths = homePaths({ GATEHOUSE_HOME: wanted.home });
      prepareHome(paths);
      // What somebody has written there stays as it is.
      if (!existsSync(paths.config)) {
        const listeners = {
          webhooks: { port: wanted.port + 1 },
          admin: { port: wanted.port + 2 },
          metrics: { port: wanted.port + 3 },
        };
        const handle = openSync(paths.config, 'wx', 0o600);
        writeSync(handle, `${JSON.stringify({ gateway: { port: wanted.port, listeners } }, null, 2)}\n`);
        closeSync(handle);
      }
      write(file, [...known, wanted]);
      return statusOf(wanted, program);
    },
    async remove(name) {
      const known = readInstances(file);
      const gone = known.find((one) => one.name === name);
      if (gone === undefined) throw INSTANCE_CODES.error('INSTANCE_UNKNOWN');
      const status = await statusOf(gone, program);
      if (status.running) throw INSTANCE_CODES.error('INSTANCE_RUNNING');
      write(
        file,
        known.filter((one) => one.name !== name),
      );
      return status;
    },
  };
}
