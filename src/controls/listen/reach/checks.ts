import type { Finding, Severity } from '../../../kernel/index.ts';
import type { SshdSettings } from './sshd-settings.ts';

/** sshd as it would treat one login; `user` is absent for what holds when no block matches. */
export interface SshdView {
  readonly user?: string;
  readonly settings: SshdSettings;
}

export interface SshdFacts {
  /** Empty when no sshd can be reached here. */
  readonly views: readonly SshdView[];
  /** `asked`: sshd itself said so. `read`: only its files did, as far as this account may read them. */
  readonly source: 'asked' | 'read' | 'unknown';
  readonly unknown: readonly string[];
}

export interface AccountFacts {
  readonly uid: number;
  readonly name: string;
  /** Names of every group that the process is in. */
  readonly groups: readonly string[];
  /** Whether uid 0 here is the machine's root, and not that of a user namespace. */
  readonly isMachineRoot: boolean;
}

export interface ReachFacts {
  readonly sshd: SshdFacts;
  readonly account: AccountFacts;
}

interface SshdRule {
  readonly id: string;
  readonly keys: readonly string[];
  readonly isWrong: (value: string) => boolean;
  readonly severity: Severity;
  readonly title: string;
  readonly expected: string;
  readonly fix: string;
}

const isYes = (value: string) => value === 'yes';
const inDropIn = (line: string) =>
  `Put "${line}" into /etc/ssh/sshd_config.d/00-gatehouse.conf, then: sshd -t && systemctl reload ssh`;

/** CBC, RC4, 3DES, MD5 and Diffie-Hellman with SHA-1: all gone from OpenSSH's defaults, so somebody put them back. */
const OLD_ALGORITHM = /(-cbc(@|$)|^arcfour|^3des|hmac-md5|diffie-hellman-group(1|14|-exchange)-sha1)/;

const RULES: readonly SshdRule[] = [
  {
    id: 'REACH_SSHD_EMPTY_PASSWORDS',
    keys: ['permitemptypasswords'],
    isWrong: isYes,
    severity: 'critical',
    title: 'sshd lets accounts without a password in',
    expected: 'PermitEmptyPasswords no',
    fix: inDropIn('PermitEmptyPasswords no'),
  },
  {
    id: 'REACH_SSHD_ROOT_LOGIN',
    keys: ['permitrootlogin'],
    isWrong: isYes,
    severity: 'high',
    title: 'sshd lets root log in, with a password too',
    expected: 'PermitRootLogin no',
    fix: inDropIn('PermitRootLogin no'),
  },
  {
    id: 'REACH_SSHD_ROOT_KEYS',
    keys: ['permitrootlogin'],
    isWrong: (value) => value === 'prohibit-password' || value === 'without-password',
    severity: 'low',
    title: 'sshd lets root log in with a key',
    expected: 'PermitRootLogin no',
    fix: inDropIn('PermitRootLogin no'),
  },
  {
    id: 'REACH_SSHD_PASSWORDS',
    keys: ['passwordauthentication', 'kbdinteractiveauthentication'],
    isWrong: isYes,
    severity: 'warning',
    title: 'sshd takes passwords, which can be guessed',
    expected: 'PasswordAuthentication no and KbdInteractiveAuthentication no',
    fix: `${inDropIn('PasswordAuthentication no" and "KbdInteractiveAuthentication no')} Log in with a key once before you close the session.`,
  },
  {
    id: 'REACH_SSHD_GATEWAY_PORTS',
    keys: ['gatewayports'],
    isWrong: (value) => value !== 'no',
    severity: 'high',
    title: 'whoever may forward ports over ssh can publish one of this machine to the network',
    expected: 'GatewayPorts no',
    fix: inDropIn('GatewayPorts no'),
  },
  {
    id: 'REACH_SSHD_FORWARDING',
    keys: ['allowtcpforwarding'],
    isWrong: (value) => ['yes', 'all', 'remote'].includes(value),
    severity: 'low',
    title: 'an ssh login may open listeners on this machine',
    expected: 'AllowTcpForwarding local',
    fix: inDropIn('AllowTcpForwarding local'),
  },
  {
    id: 'REACH_SSHD_SOCKETS',
    keys: ['allowstreamlocalforwarding'],
    isWrong: (value) => value !== 'no',
    severity: 'low',
    title: 'an ssh login reaches every Unix socket of its account, unless a permitopen limits its key',
    expected: 'AllowStreamLocalForwarding no',
    fix: inDropIn('AllowStreamLocalForwarding no'),
  },
  {
    id: 'REACH_SSHD_AGENT',
    keys: ['allowagentforwarding'],
    isWrong: isYes,
    severity: 'low',
    title: 'an ssh login may bring its agent, which this machine could then use',
    expected: 'AllowAgentForwarding no',
    fix: inDropIn('AllowAgentForwarding no'),
  },
  {
    id: 'REACH_SSHD_X11',
    keys: ['x11forwarding'],
    isWrong: isYes,
    severity: 'low',
    title: 'an ssh login may bring its display, which this machine could then watch',
    expected: 'X11Forwarding no',
    fix: inDropIn('X11Forwarding no'),
  },
  {
    id: 'REACH_SSHD_ALGORITHMS',
    keys: ['ciphers', 'macs', 'kexalgorithms'],
    isWrong: (value) => value.split(',').some((name) => OLD_ALGORITHM.test(name)),
    severity: 'warning',
    title: 'sshd still agrees to ciphers or key exchanges that are broken',
    expected: "OpenSSH's own defaults",
    fix: 'Take Ciphers, MACs and KexAlgorithms out of sshd_config, then: sshd -t && systemctl reload ssh',
  },
];

/** The worst place first: what holds for everybody, then what holds for one account. */
function ruleFinding(rule: SshdRule, { views }: SshdFacts): readonly Finding[] {
  for (const { user, settings } of views) {
    for (const key of rule.keys) {
      const value = settings.get(key)?.[0]?.toLowerCase();
      if (value === undefined || !rule.isWrong(value)) continue;
      const wrong = key.match(/^(ciphers|macs|kex)/) ? oldNames(value) : value;
      const { id, severity, title, expected, fix } = rule;
      const found = `${key} ${wrong}${user === undefined ? '' : ` for ${user}`}`;
      return [{ id, severity, title, expected, found, fix, requirements: ['L11'] }];
    }
  }
  return [];
}

function oldNames(value: string): string {
  return value
    .split(',')
    .filter((name) => OLD_ALGORITHM.test(name))
    .join(',');
}

/** How this was found out is part of the answer: a file is not what runs. */
function sourceFinding({ source, unknown, views }: SshdFacts): readonly Finding[] {
  if (views.length === 0 && source !== 'unknown') return [];
  if (source === 'asked') return [];
  const isRead = source === 'read';
  return [
    {
      id: 'REACH_SSHD_NOT_ASKED',
      severity: isRead ? 'info' : 'low',
      title: isRead
        ? "sshd's settings were read from its files, because only root may ask sshd itself"
        : 'an sshd listens here, and this account may not read how it is set up',
      expected: 'sshd -T, as root',
      found: unknown.length === 0 ? 'its files' : `not looked at: ${unknown.join('; ')}`,
      fix: 'Look yourself: sudo sshd -T | grep -Ei "password|rootlogin|forwarding|gatewayports"',
      requirements: ['L11'],
    },
  ];
}

/** Groups that make root of anybody who is in them, and how. */
const ROOT_GROUPS: ReadonlyMap<string, string> = new Map([
  ['docker', "the Docker daemon mounts the machine's whole disk for its members"],
  ['podman', "the daemon mounts the machine's whole disk for its members"],
  ['lxd', 'its members start privileged containers'],
  ['incus-admin', 'its members start privileged containers'],
  ['libvirt', 'its members give machines any disk'],
  ['disk', 'its members read and write every disk underneath its files'],
  ['shadow', "its members read everybody's password digests"],
]);
/** Groups that become root by a password or without one. */
const SUDO_GROUPS: ReadonlySet<string> = new Set(['sudo', 'wheel', 'admin']);

const OWN_ACCOUNT =
  'Make an account of its own: useradd --create-home --shell /usr/sbin/nologin gatehouse; then move the home there and run the gateway as it.';

function accountFindings({ uid, name, groups, isMachineRoot }: AccountFacts): readonly Finding[] {
  const findings: Finding[] = [];
  const add = (id: string, severity: Severity, title: string, found: string, fix: string) =>
    findings.push({
      id,
      severity,
      title,
      expected: 'an ordinary account',
      found,
      fix,
      requirements: ['L11'],
    });
  if (uid === 0) {
    const where = isMachineRoot ? '' : ' of a user namespace';
    add(
      'REACH_ACCOUNT_ROOT',
      isMachineRoot ? 'high' : 'warning',
      `Gatehouse runs as root${where}: whoever breaks out of it has everything`,
      `uid 0${where}`,
      OWN_ACCOUNT,
    );
    // Root needs no group to be root.
    return findings;
  }
  for (const group of groups) {
    const how = ROOT_GROUPS.get(group);
    if (how !== undefined)
      add('REACH_ACCOUNT_GROUP', 'high', `${name} is in ${group}: ${how}`, group, leave(name, group));
    else if (SUDO_GROUPS.has(group))
      add(
        'REACH_ACCOUNT_SUDO',
        'warning',
        `${name} may become root with sudo, and so may what runs as it`,
        group,
        `${leave(name, group)} Or: ${OWN_ACCOUNT}`,
      );
  }
  return findings;
}

function leave(name: string, group: string): string {
  return `As root: gpasswd --delete ${name} ${group}; then start the gateway again.`;
}

/** Findings about the ways in around Gatehouse: the machine's sshd, and the account that it runs as. */
export function checkReach({ sshd, account }: ReachFacts): readonly Finding[] {
  return [
    ...accountFindings(account),
    ...RULES.flatMap((rule) => ruleFinding(rule, sshd)),
    ...sourceFinding(sshd),
  ];
}
