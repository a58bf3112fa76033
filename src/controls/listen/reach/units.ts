import { type Tunnel, tunnelArgv } from './tunnel.ts';

/** Where both service managers find ssh; they search no PATH of a person. */
const SSH = '/usr/bin/ssh';

function command(tunnel: Tunnel): readonly string[] {
  const [, ...words] = tunnelArgv(tunnel, false);
  return [SSH, ...words];
}

/**
 * A unit of the account's own systemd (systemd.service(5), systemd.exec(5)). Only what an ordinary account's manager
 * can enforce is in it: the rest would stop the unit or be ignored without a word.
 */
export function systemdUnit(tunnel: Tunnel): readonly string[] {
  return [
    '[Unit]',
    'Description=SSH tunnel to Gatehouse',
    'StartLimitIntervalSec=0',
    '',
    '[Service]',
    `ExecStart=${command(tunnel).join(' ')}`,
    'Restart=always',
    'RestartSec=5',
    'UMask=0077',
    'LimitCORE=0',
    'NoNewPrivileges=yes',
    'LockPersonality=yes',
    'MemoryDenyWriteExecute=yes',
    'RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX',
    'RestrictNamespaces=yes',
    'RestrictRealtime=yes',
    'RestrictSUIDSGID=yes',
    'SystemCallArchitectures=native',
    'SystemCallFilter=@system-service',
    '',
    '[Install]',
    'WantedBy=default.target',
  ];
}

export function launchdLabel({ name }: Tunnel): string {
  return `org.gatehouse.${name}`;
}

/** A launch agent (launchd.plist(5)). Every value passed `readTunnel`, so none of them needs escaping in XML. */
export function launchdPlist(tunnel: Tunnel): readonly string[] {
  return [
    '<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">',
    '<plist version="1.0">',
    '<dict>',
    '  <key>Label</key>',
    `  <string>${launchdLabel(tunnel)}</string>`,
    '  <key>ProgramArguments</key>',
    '  <array>',
    ...command(tunnel).map((word) => `    <string>${word}</string>`),
    '  </array>',
    '  <key>RunAtLoad</key>',
    '  <true/>',
    '  <key>KeepAlive</key>',
    '  <true/>',
    '  <key>ThrottleInterval</key>',
    '  <integer>10</integer>',
    '  <key>ProcessType</key>',
    '  <string>Background</string>',
    '  <key>Umask</key>',
    '  <integer>63</integer>',
    '</dict>',
    '</plist>',
  ];
}
