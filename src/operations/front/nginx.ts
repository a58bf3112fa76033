import { Type } from 'typebox';
import { frontConfiguration, nginxFront, readFront } from '../../controls/listen/index.ts';
import { defineOperation } from '../define.ts';
import { name, strict } from '../schema.ts';
import { gatewayPort } from './gateway-port.ts';
import { FilePath, Port, ServerName } from './schema.ts';

export const frontNginx = defineOperation({
  id: 'front.nginx',
  summary: 'Print an nginx configuration for the way in from outside: TLS 1.3, client certificates, limits',
  description:
    'A whole file for the http context, with what belongs into gatehouse.json in its head. nginx sets every ' +
    'forwarding and identity header itself; what a client sends in them is dropped.',
  input: strict({
    name: ServerName,
    clientCa: FilePath(
      'PEM file of the authorities whose client certificates are let in; without it nobody is asked for one.',
    ),
    clientCrl: FilePath('PEM file of the certificates that the authority took back.'),
    certificate: FilePath("PEM file of the name's certificate; /etc/nginx/gatehouse/NAME.pem when absent."),
    key: FilePath('PEM file of its key; /etc/nginx/gatehouse/NAME.key when absent.'),
    listen: Type.Optional(name('Port, or address and port, to listen at; 443 when absent.')),
    port: Port("The gateway's port on 127.0.0.1; as measured when absent."),
  }),
  output: strict({
    text: Type.String({ description: 'The nginx configuration.' }),
    configuration: Type.Record(Type.String(), Type.Unknown(), {
      description: 'Keys of gatehouse.json that belong to it.',
    }),
  }),
  scope: 'operator.read',
  effect: 'read',
  errors: ['REACH_NAME_INVALID', 'REACH_PATH_INVALID', 'REACH_LISTEN_INVALID', 'REACH_PORT_INVALID'],
  cli: {
    command: 'front nginx',
    examples: [
      'gatehouse front nginx --name gate.example.org --client-ca /etc/nginx/gatehouse/people.pem > gatehouse.conf',
    ],
    offline: true,
  },
  async run({ services }, input) {
    const front = readFront({ ...input, port: input.port ?? (await gatewayPort(services)) });
    return { text: nginxFront(front), configuration: frontConfiguration(front) };
  },
});
