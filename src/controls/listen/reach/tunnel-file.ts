import { createHash } from 'node:crypto';
import { authorizedKey, sshConfigEntry, sshdMatch, type Tunnel, tunnelArgv } from './tunnel.ts';
import { launchdLabel, launchdPlist, systemdUnit } from './units.ts';

export const TUNNEL_FORMATS = ['command', 'ssh-config', 'systemd', 'launchd'] as const;
export type TunnelFormat = (typeof TUNNEL_FORMATS)[number];
export type InstallFormat = Exclude<TunnelFormat, 'command'>;

/** A file for one account, and what its owner types afterwards. */
export interface TunnelFile {
  /** Path below the account's home. */
  readonly place: string;
  readonly mode: number;
  readonly text: string;
  readonly next: readonly string[];
  /** What to type before it is taken away again. */
  readonly before: readonly string[];
}

/** Begins the line by which we know a file of ours, and that nobody has changed since. */
const MARK = 'Written by gatehouse tunnel install; sha256';
const MARK_LINE = new RegExp(`^(?:# |<!-- )${MARK} ([0-9a-f]{64})(?: -->)?$`, 'm');

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function remarks(tunnel: Tunnel): readonly string[] {
  const { destination, localPort } = tunnel;
  return [
    `On ${destination.host}, one line of ~/.ssh/authorized_keys of the account that the tunnel logs in to:`,
    authorizedKey(tunnel),
    '',
    'and in /etc/ssh/sshd_config there, so that it holds whatever else is added to authorized_keys:',
    ...sshdMatch(tunnel),
    '',
    'The account is best one of its own that cannot read the home of Gatehouse. Its host key has to be known here',
    'before: compare what ssh shows once with ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub on that machine.',
    `Then: GATEHOUSE_URL=http://127.0.0.1:${localPort} GATEHOUSE_TOKEN=... gatehouse gateway status`,
  ];
}

function commented(lines: readonly string[]): readonly string[] {
  return lines.map((line) => `# ${line}`.trimEnd());
}

/** Without names: `--`, as in `xn--`, would end the file's meaning inside a comment (XML 1.0 section 2.5). */
const XML_REMARK =
  '<!-- What belongs on the other machine: gatehouse tunnel print with the format command. -->';

const XML = '<?xml version="1.0" encoding="UTF-8"?>';

/** What `tunnel print` writes: exactly the file of that format, with everything else in its comments. */
export function tunnelText(tunnel: Tunnel, format: TunnelFormat): string {
  const notes = remarks(tunnel);
  const lines = {
    command: () => [tunnelArgv(tunnel, true).join(' '), '', ...commented(notes)],
    'ssh-config': () => [...sshConfigEntry(tunnel), '', ...commented(notes)],
    systemd: () => [...systemdUnit(tunnel), '', ...commented(notes)],
    launchd: () => [XML, ...launchdPlist(tunnel), XML_REMARK],
  }[format]();
  return `${lines.join('\n')}\n`;
}

/** `tunnelText` with the line by which it is known again. */
function marked(text: string, isXml: boolean): string {
  const mark = `${MARK} ${digest(text)}`;
  if (!isXml) return `# ${mark}\n${text}`;
  // Nothing may stand before the XML declaration.
  return text.replace(`${XML}\n`, `${XML}\n<!-- ${mark} -->\n`);
}

/** Whether a file is one that we wrote: untouched, changed by somebody since, or somebody else's. */
export function originOf(text: string): 'ours' | 'changed' | 'foreign' {
  const found = MARK_LINE.exec(text);
  if (found === null) return 'foreign';
  const [line, known] = found;
  return digest(text.replace(`${line}\n`, '')) === known ? 'ours' : 'changed';
}

/** What `tunnel install` writes, and where. */
export function tunnelFile(tunnel: Tunnel, format: InstallFormat): TunnelFile {
  const { name } = tunnel;
  const text = marked(tunnelText(tunnel, format), format === 'launchd');
  switch (format) {
    case 'ssh-config': {
      const place = `.ssh/${name}.conf`;
      return {
        place,
        mode: 0o600,
        text,
        next: [`ssh -F ~/${place} ${name}`],
        before: [],
      };
    }
    case 'systemd':
      return {
        place: `.config/systemd/user/${name}.service`,
        mode: 0o644,
        text,
        next: [
          'systemctl --user daemon-reload',
          `systemctl --user enable --now ${name}.service`,
          `systemctl --user status ${name}.service`,
        ],
        before: [`systemctl --user disable --now ${name}.service`],
      };
    case 'launchd': {
      const place = `Library/LaunchAgents/${launchdLabel(tunnel)}.plist`;
      return {
        place,
        mode: 0o644,
        text,
        next: [`launchctl bootstrap gui/$(id -u) ~/${place}`],
        before: [`launchctl bootout gui/$(id -u)/${launchdLabel(tunnel)}`],
      };
    }
  }
}
