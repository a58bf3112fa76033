export {
  HONEYTOKEN_KINDS,
  type HoneytokenRecord,
  type HoneytokenService,
  type HoneytokenState,
} from './honeytokens/index.ts';
