import { INSTANCE_CODES } from './codes.ts';

/** Ports that one instance has: users, webhooks, administration, metrics, from `port` upwards. */
const PORTS_PER_INSTANCE = 4;
/** Where the ports of the first instance begin; each further one is tried ten above. */
export const FIRST_PORT = 18_789;
const PORT_STEP = 10;
const LOWEST_PORT = 1_024;
const HIGHEST_PORT = 65_525;
const MAX_INSTANCES = 100;
const NAME = /^[a-z][a-z0-9-]{0,30}$/;

/** One of several installs of an account (D11). */
export interface Instance {
  readonly name: string;
  /** Absolute. */
  readonly home: string;
  readonly port: number;
}

export function unitOf(name: string): string {
  return name === 'default' ? 'gatehouse.service' : `gatehouse-${name}.service`;
}

/** What its lines in the journal begin with. */
export function logPrefixOf(name: string): string {
  return unitOf(name).replace(/\.service$/, '');
}

function contains(outer: string, inner: string): boolean {
  return inner === outer || inner.startsWith(`${outer}/`);
}

/** How two instances are in each other's way; empty when they are not. */
export function collisions(a: Instance, b: Instance): readonly string[] {
  const found: string[] = [];
  if (a.name === b.name) found.push(`the name ${a.name} and the unit ${unitOf(a.name)}`);
  if (contains(a.home, b.home) || contains(b.home, a.home)) found.push(`the homes ${a.home} and ${b.home}`);
  if (Math.abs(a.port - b.port) < PORTS_PER_INSTANCE)
    found.push(`the ports from ${a.port} and from ${b.port}`);
  return found;
}

export function freePort(known: readonly Instance[]): number {
  for (let port = FIRST_PORT; port <= HIGHEST_PORT; port += PORT_STEP)
    if (known.every((one) => Math.abs(one.port - port) >= PORTS_PER_INSTANCE)) return port;
  throw INSTANCE_CODES.error('INSTANCE_INVALID', 'no block of ports is left');
}

/** @throws INSTANCE_INVALID, INSTANCE_TAKEN */
export function checkNew(wanted: Instance, known: readonly Instance[]): void {
  const { name, home, port } = wanted;
  if (!NAME.test(name)) throw INSTANCE_CODES.error('INSTANCE_INVALID', 'the name is not usable');
  if (!home.startsWith('/') || home.length > 200 || /[\p{C}\s]/u.test(home))
    throw INSTANCE_CODES.error('INSTANCE_INVALID', 'the home is no plain absolute path');
  if (!Number.isInteger(port) || port < LOWEST_PORT || port > HIGHEST_PORT)
    throw INSTANCE_CODES.error('INSTANCE_INVALID', 'the port is not usable');
  if (known.length >= MAX_INSTANCES) throw INSTANCE_CODES.error('INSTANCE_INVALID', 'there are too many');
  const taken = known.flatMap((one) => collisions(one, wanted));
  if (taken.length > 0) throw INSTANCE_CODES.error('INSTANCE_TAKEN', `these collide: ${taken.join('; ')}`);
}

/** A unit of systemd for one instance: its own home, name in the journal, and nothing that it does not need. */
export function unitText({ name, home }: Instance, program: string): string {
  return `[Unit]
Description=Gatehouse (${name})
After=network-online.target

[Service]
Environment=GATEHOUSE_HOME=${home}
ExecStart=${program} gateway run
SyslogIdentifier=${logPrefixOf(name)}
Restart=on-failure
UMask=0077
ProtectSystem=full
ReadWritePaths=${home}

[Install]
WantedBy=default.target
`;
}
