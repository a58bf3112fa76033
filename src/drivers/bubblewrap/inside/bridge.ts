/**
 * Runs inside the sandbox: `node bridge.mjs -- COMMAND ARGS...`. Offers the run's egress socket as an HTTP
 * proxy on the loopback of the run's own network namespace, starts the command with the proxy variables
 * set, and ends as the command ends. It holds no secret and decides nothing; a command that kills it only
 * cuts itself off.
 */
import { listen, proxyEnvironment, runCommand } from './relay.ts';

const SOCKET = '/run/gatehouse/egress.sock';
const PORT = 3128;

async function main(argv: readonly string[]): Promise<number> {
  const [separator, ...command] = argv;
  if (separator !== '--' || command.length === 0) {
    process.stderr.write('usage: bridge.mjs -- COMMAND [ARGUMENT...]\n');
    return 2;
  }
  const server = await listen(SOCKET, PORT);
  // The listener alone must not keep a finished run alive.
  server.unref();
  return runCommand(command, { ...process.env, ...proxyEnvironment(PORT) });
}

process.exit(await main(process.argv.slice(2)));
