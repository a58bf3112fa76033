import { tailscaleRecipe } from '../../controls/listen/index.ts';
import { defineOperation } from '../define.ts';
import { gatewayPort } from './gateway-port.ts';
import { RecipeInput, TextOutput } from './schema.ts';

export const frontTailscale = defineOperation({
  id: 'front.tailscale',
  summary: 'Print how to reach Gatehouse over a tailnet with Tailscale Serve, and what that proves',
  input: RecipeInput,
  output: TextOutput,
  scope: 'operator.read',
  effect: 'read',
  errors: ['REACH_NAME_INVALID', 'REACH_PORT_INVALID'],
  cli: {
    command: 'front tailscale',
    examples: ['gatehouse front tailscale --name gate.tailnet-name.ts.net'],
    offline: true,
  },
  async run({ services }, { name, port }) {
    return { text: tailscaleRecipe({ name, port: port ?? (await gatewayPort(services)) }) };
  },
});
