import { wireguardRecipe } from '../../controls/listen/index.ts';
import { defineOperation } from '../define.ts';
import { gatewayPort } from './gateway-port.ts';
import { RecipeInput, TextOutput } from './schema.ts';

export const frontWireguard = defineOperation({
  id: 'front.wireguard',
  summary: 'Print how to reach Gatehouse over WireGuard, and what that proves',
  input: RecipeInput,
  output: TextOutput,
  scope: 'operator.read',
  effect: 'read',
  errors: ['REACH_NAME_INVALID', 'REACH_PORT_INVALID'],
  cli: {
    command: 'front wireguard',
    examples: ['gatehouse front wireguard --name gate.example.org'],
    offline: true,
  },
  async run({ services }, { name, port }) {
    return { text: wireguardRecipe({ name, port: port ?? (await gatewayPort(services)) }) };
  },
});
