import {
  readAlias,
  readDestination,
  readPath,
  readPort,
  readPublicKey,
  type SshDestination,
} from './values.ts';

/** What an operator says of a tunnel; nothing of it is trusted before `readTunnel`. */
export interface TunnelRequest {
  /** `[user@]host` of the machine that Gatehouse runs on. */
  readonly host: string;
  readonly localPort: number;
  readonly remotePort: number;
  /** Port of sshd; absent leaves it to ssh. */
  readonly sshPort?: number | undefined;
  /** File of the private key; absent leaves it to ssh. */
  readonly identity?: string | undefined;
  /** The line of the public key, for the gateway's side. */
  readonly publicKey?: string | undefined;
  /** Name of the entry and of the unit. */
  readonly name?: string | undefined;
}

/** A tunnel whose every value may stand in a file that ssh, systemd, launchd or a shell reads. */
export interface Tunnel extends Omit<TunnelRequest, 'host'> {
  readonly destination: SshDestination;
  readonly name: string;
}

export const TUNNEL_NAME = 'gatehouse-tunnel';

/** @throws REACH_HOST_INVALID, REACH_PORT_INVALID, REACH_PATH_INVALID, REACH_KEY_INVALID, REACH_NAME_INVALID */
export function readTunnel(request: TunnelRequest): Tunnel {
  const { identity, publicKey, sshPort } = request;
  return {
    destination: readDestination(request.host),
    localPort: readPort(request.localPort),
    remotePort: readPort(request.remotePort),
    name: readAlias(request.name ?? TUNNEL_NAME),
    ...(sshPort === undefined ? {} : { sshPort: readPort(sshPort) }),
    ...(identity === undefined ? {} : { identity: readPath(identity) }),
    ...(publicKey === undefined ? {} : { publicKey: readPublicKey(publicKey) }),
  };
}

/**
 * Settings of both ends of the connection (ssh_config(5)). The other machine is not trusted with this one: no
 * agent, no display, no local command; and nobody else's host key is taken for its own.
 */
const SETTINGS: readonly (readonly [key: string, value: string])[] = [
  ['ExitOnForwardFailure', 'yes'],
  ['ServerAliveInterval', '15'],
  ['ServerAliveCountMax', '3'],
  ['ConnectTimeout', '15'],
  ['StrictHostKeyChecking', 'yes'],
  ['UpdateHostKeys', 'no'],
  ['PasswordAuthentication', 'no'],
  ['KbdInteractiveAuthentication', 'no'],
  ['ForwardAgent', 'no'],
  ['ForwardX11', 'no'],
  ['PermitLocalCommand', 'no'],
  ['GatewayPorts', 'no'],
  ['ControlMaster', 'no'],
  ['ControlPath', 'none'],
];

/** What a unit adds: nobody is there to be asked. */
const UNATTENDED = [['BatchMode', 'yes']] as const;

function forwarding({ localPort, remotePort }: Tunnel): readonly [near: string, far: string] {
  return [`127.0.0.1:${localPort}`, `127.0.0.1:${remotePort}`];
}

/** The command's words; a `~/` in the identity is left to ssh, which expands it itself. */
export function tunnelArgv(tunnel: Tunnel, attended: boolean): readonly [string, ...string[]] {
  const { destination, identity, sshPort } = tunnel;
  const settings = attended ? SETTINGS : [...SETTINGS, ...UNATTENDED];
  const { user, host } = destination;
  return [
    'ssh',
    '-N',
    '-T',
    '-L',
    forwarding(tunnel).join(':'),
    ...(sshPort === undefined ? [] : ['-p', String(sshPort)]),
    ...(identity === undefined ? [] : ['-i', identity, '-o', 'IdentitiesOnly=yes']),
    ...settings.flatMap(([key, value]) => ['-o', `${key}=${value}`]),
    // Whatever comes now is no option.
    '--',
    user === undefined ? host : `${user}@${host}`,
  ];
}

/** An entry of ssh_config(5); `ssh NAME` opens the tunnel and runs nothing there. */
export function sshConfigEntry(tunnel: Tunnel): readonly string[] {
  const { destination, identity, sshPort, name } = tunnel;
  const pairs: readonly (readonly [string, string])[] = [
    ['HostName', destination.host],
    ...(destination.user === undefined ? [] : [['User', destination.user] as const]),
    ...(sshPort === undefined ? [] : [['Port', String(sshPort)] as const]),
    ...(identity === undefined
      ? []
      : ([
          ['IdentityFile', identity],
          ['IdentitiesOnly', 'yes'],
        ] as const)),
    ['LocalForward', forwarding(tunnel).join(' ')],
    ['SessionType', 'none'],
    ['RequestTTY', 'no'],
    ...SETTINGS,
  ];
  return [`Host ${name}`, ...pairs.map(([key, value]) => `  ${key} ${value}`)];
}

/** Stands for a key that was not named yet; sshd reads over a line that it cannot parse. */
const KEY_TO_COME = 'ssh-ed25519 PUT-THE-PUBLIC-KEY-HERE gatehouse-tunnel';

/**
 * The line of authorized_keys(5) (sshd(8)) on the gateway's machine: this key opens this one port and nothing else.
 *
 * `port-forwarding` alone would also let the key's holder open listeners there, so `permitlisten` names a port that
 * no ordinary account may open. OpenSSH refuses Unix sockets to a key with
 * `permitopen` (measured with 9.2); `sshdMatch` says so for every key of the account.
 */
export function authorizedKey({ remotePort, publicKey }: Tunnel): string {
  const options = [
    'restrict',
    'port-forwarding',
    `permitopen="127.0.0.1:${remotePort}"`,
    'permitlisten="127.0.0.1:1"',
    'command="/bin/false"',
  ];
  return `${options.join(',')} ${publicKey ?? KEY_TO_COME}`;
}

/**
 * A block of sshd_config(5) for the account that the tunnel logs in to: it holds for every key, also for one that is
 * added later without options, which would otherwise reach every port and Unix socket of that account.
 */
export function sshdMatch({ destination, remotePort }: Tunnel): readonly string[] {
  return [
    `Match User ${destination.user ?? TUNNEL_NAME}`,
    '  AuthenticationMethods publickey',
    '  AllowTcpForwarding local',
    `  PermitOpen 127.0.0.1:${remotePort}`,
    '  PermitListen none',
    '  AllowStreamLocalForwarding no',
    '  AllowAgentForwarding no',
    '  GatewayPorts no',
    '  PermitTunnel no',
    '  PermitTTY no',
    '  X11Forwarding no',
    '  ForceCommand /bin/false',
  ];
}
