import { hostname } from 'node:os';
import { Type } from 'typebox';
import { readTunnel, TUNNEL_FORMATS, tunnelText } from '../../controls/listen/index.ts';
import { defineOperation } from '../define.ts';
import { gatewayPort } from '../front/gateway-port.ts';
import { FilePath, Port, UnitName } from '../front/schema.ts';
import { strict } from '../schema.ts';

/** Longest `[user@]host`: 32 and 253 characters with the @. */
const MAX_DESTINATION_CHARS = 286;
const MAX_KEY_CHARS = 4_096;

export const tunnelPrint = defineOperation({
  id: 'tunnel.print',
  summary: 'Print the ssh command, ssh config entry or service unit that reaches this gateway from elsewhere',
  description:
    'With what belongs on the side of the gateway in its comments: a line of authorized_keys that opens this one ' +
    'port and nothing else, and the block of sshd_config that says the same for every key of the account.',
  input: strict({
    host: Type.Optional(
      Type.String({
        description:
          'user@host of the machine that Gatehouse runs on; gatehouse-tunnel on this machine when absent.',
        minLength: 1,
        maxLength: MAX_DESTINATION_CHARS,
      }),
    ),
    format: Type.Optional(
      Type.Enum([...TUNNEL_FORMATS], { description: 'What to print; command when absent.' }),
    ),
    localPort: Port('Port at the other end; the same as here when absent.'),
    remotePort: Port("The gateway's port on 127.0.0.1; as measured when absent."),
    sshPort: Port('Port of sshd; left to ssh when absent.'),
    identity: FilePath('Private key at the other end; left to ssh when absent.'),
    publicKey: Type.Optional(
      Type.String({ description: 'The line of its public key.', minLength: 1, maxLength: MAX_KEY_CHARS }),
    ),
    name: UnitName,
  }),
  output: strict({ text: Type.String({ description: 'Exactly the file of that format.' }) }),
  scope: 'operator.read',
  effect: 'read',
  errors: [
    'REACH_HOST_INVALID',
    'REACH_PORT_INVALID',
    'REACH_PATH_INVALID',
    'REACH_KEY_INVALID',
    'REACH_NAME_INVALID',
  ],
  cli: {
    command: 'tunnel print',
    examples: [
      'gatehouse tunnel print --host gatehouse-tunnel@gate.example.org',
      'gatehouse tunnel print --host gatehouse-tunnel@gate.example.org --format systemd --identity ~/.ssh/gatehouse',
    ],
    files: { 'public-key-file': 'publicKey' },
    offline: true,
  },
  async run({ services }, input) {
    const { host, format = 'command', ...rest } = input;
    const remotePort = input.remotePort ?? (await gatewayPort(services));
    const tunnel = readTunnel({
      ...rest,
      host: host ?? `gatehouse-tunnel@${hostname()}`,
      remotePort,
      localPort: input.localPort ?? remotePort,
    });
    return { text: tunnelText(tunnel, format) };
  },
});
