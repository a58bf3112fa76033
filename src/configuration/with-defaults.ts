import { CONFIG_DEFAULTS } from './defaults.ts';
import { mergeDeep } from './objects.ts';
import type { ConfigInput, GatehouseConfig } from './schema.ts';

/** A validated file with every default filled in; `auto` and `localhost` become the one word `loopback`. */
export function withDefaults(input: ConfigInput, port?: number): GatehouseConfig {
  const merged = mergeDeep(CONFIG_DEFAULTS, input) as GatehouseConfig;
  const bind = input.gateway?.bind;
  const address = bind === undefined || bind === 'auto' || bind === 'localhost' ? 'loopback' : bind;
  return { ...merged, gateway: { ...merged.gateway, bind: address, port: port ?? merged.gateway.port } };
}
