export { HONEYTOKEN_KINDS, type HoneytokenKind, USUAL_PLACE } from './bait.ts';
export { readPlanted } from './file.ts';
export {
  createHoneytokens,
  type HoneytokenRecord,
  type HoneytokenService,
  type HoneytokenState,
} from './service.ts';
export { HoneytokenTripwire } from './tripwire.ts';
