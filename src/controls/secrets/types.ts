export { HONEYTOKEN_KINDS, type HoneytokenService } from './honeytokens/index.ts';
