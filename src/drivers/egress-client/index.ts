export {
  createEgressClient,
  type EgressClient,
} from './client.ts';
export { EGRESS_CLIENT_CODES } from './codes.ts';
export { providerFetch } from './fetch.ts';
export { GATEWAY_PID_VARIABLE, startKeeper } from './keeper.ts';
export {
  CONTROL_METHODS,
  type ControlFailure,
  type ControlMethod,
  type ControlResponse,
  LineSplitter,
} from './protocol.ts';
