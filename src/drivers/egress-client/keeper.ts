import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';

export interface KeeperOptions {
  /** Absolute path of the Node that runs egress. */
  readonly nodePath: string;
  /** Arguments after it. */
  readonly argv: readonly string[];
  /** The operator's whole environment: egress resolves secrets from it. */
  readonly env: NodeJS.ProcessEnv;
  /** When this process is gone, keeper and egress end. */
  readonly gatewayPid: number;
  /** Standard output and error of keeper and egress, mode 0600. */
  readonly logFile: string;
}

/** Names the gateway's process for egress, which ends when it is gone. */
export const GATEWAY_PID_VARIABLE = 'GATEHOUSE_GATEWAY_PID';

/**
 * The keeper: a POSIX shell loop that restarts egress with back-off (0.2 s doubling to 10 s, from the start
 * again after a life of 60 s) and holds the operator's environment so that the gateway need not. A terminal's
 * Ctrl-C is left to the gateway, which drains through egress.
 */
function keeperScript(): string {
  return `gateway=$1
shift
delay=2
child=
alive() {
  kill -0 "$gateway" 2>/dev/null || return 1
  # Ended, but not collected: a container without an init leaves it like that.
  while read -r key value; do
    case "$key$value" in State:[ZX]*) return 1 ;; esac
  done 2>/dev/null <"/proc/$gateway/status"
  return 0
}
stop() {
  if [ -n "$child" ]; then
    kill -TERM "$child" 2>/dev/null
    wait "$child"
  fi
  exit 0
}
trap stop TERM
trap '' INT HUP
while alive; do
  started=$(date +%s)
  "$@" &
  child=$!
  wait "$child"
  alive || exit 0
  if [ $(($(date +%s) - started)) -ge 60 ]; then delay=2; fi
  sleep "$((delay / 10)).$((delay % 10))" &
  child=$!
  wait "$child"
  delay=$((delay * 2))
  if [ "$delay" -gt 100 ]; then delay=100; fi
done
`;
}

/** Start the keeper as a child of this process, in its process group. */
export function startKeeper(options: KeeperOptions): ChildProcess {
  const { nodePath, argv, env, gatewayPid, logFile } = options;
  const log = openSync(logFile, 'a', 0o600);
  try {
    return spawn(
      '/bin/sh',
      ['-c', keeperScript(), 'gatehouse-keeper', String(gatewayPid), nodePath, ...argv],
      {
        env: { ...env, [GATEWAY_PID_VARIABLE]: String(gatewayPid) },
        stdio: ['ignore', log, log],
        detached: false,
      },
    );
  } finally {
    closeSync(log);
  }
}
