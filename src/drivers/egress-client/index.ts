export {
  createEgressClient,
  type EgressClient,
  type EgressClientOptions,
  type EgressState,
} from './client.ts';
export { EGRESS_CLIENT_CODES } from './codes.ts';
export { providerFetch } from './fetch.ts';
export { GATEWAY_PID_VARIABLE, type KeeperOptions, keeperScript, startKeeper } from './keeper.ts';
export {
  CONTROL_METHODS,
  type ControlFailure,
  type ControlMethod,
  type ControlRequest,
  type ControlResponse,
  LineSplitter,
} from './protocol.ts';
