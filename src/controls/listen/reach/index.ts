export { type AccountFacts, checkReach, type ReachFacts, type SshdFacts, type SshdView } from './checks.ts';
export { REACH_CODES } from './codes.ts';
export { frontConfiguration, nginxFront, readFront } from './nginx.ts';
export { tailscaleRecipe, wireguardRecipe } from './recipes.ts';
export { parseEffective, parseFiles } from './sshd-settings.ts';
export { readTunnel } from './tunnel.ts';
export {
  type InstallFormat,
  originOf,
  TUNNEL_FORMATS,
  tunnelFile,
  tunnelText,
} from './tunnel-file.ts';
