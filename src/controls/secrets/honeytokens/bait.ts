import { generateKeyPairSync } from 'node:crypto';
import type { Random } from '../../../kernel/index.ts';
import { WINDOW } from './windows.ts';

export const HONEYTOKEN_KINDS = ['aws', 'github', 'ssh', 'gatehouse', 'env', 'database'] as const;
export type HoneytokenKind = (typeof HONEYTOKEN_KINDS)[number];

/** A credential that looks real, opens nothing, and is known again. */
export interface Bait {
  /** What the file holds. */
  readonly content: string;
  /** Pieces of WINDOW characters; each belongs to this bait alone. */
  readonly pieces: readonly string[];
}

/** Where a thief would look for each kind. */
export const USUAL_PLACE: Readonly<Record<HoneytokenKind, string>> = {
  aws: '.aws/credentials',
  github: '.config/gh/hosts.yml',
  ssh: '.ssh/id_deploy.pem',
  gatehouse: '.gatehouse-token',
  env: '.env.production',
  database: 'config/database.url',
};

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

function random(source: Random, length: number, alphabet = LETTERS): string {
  return [...source.bytes(length)].map((byte) => alphabet.charAt(byte % alphabet.length)).join('');
}

/** Enough of a value to know it again when its beginning or its end is cut off. */
function piecesOf(...values: readonly string[]): readonly string[] {
  return values.flatMap((value) => {
    const middle = Math.floor((value.length - WINDOW) / 2);
    return [...new Set([0, middle, value.length - WINDOW])].map((at) => value.slice(at, at + WINDOW));
  });
}

/** `mint` makes a text like Gatehouse's own tokens, which is another control's business. */
export function makeBait(kind: HoneytokenKind, source: Random, mint: () => string): Bait {
  switch (kind) {
    case 'aws': {
      const id = random(source, 16, BASE32);
      const secret = random(source, 40);
      const content = `[default]\naws_access_key_id = AKIA${id}\naws_secret_access_key = ${secret}\nregion = eu-central-1\n`;
      return { content, pieces: piecesOf(id, secret) };
    }
    case 'github': {
      const token = random(source, 36);
      const content = `github.com:\n    user: deploy-bot\n    oauth_token: ghp_${token}\n    git_protocol: https\n`;
      return { content, pieces: piecesOf(token) };
    }
    case 'ssh': {
      const { privateKey } = generateKeyPairSync('ed25519');
      const content = privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
      // The beginning is the same in every key of this kind (RFC 8410).
      const body = content.split('\n')[1] ?? '';
      return { content, pieces: piecesOf(body.slice(24)) };
    }
    case 'gatehouse': {
      const text = mint();
      const secret = text.split('_')[2] ?? text;
      return { content: `${text}\n`, pieces: piecesOf(secret) };
    }
    case 'env': {
      const key = random(source, 32);
      const content = `NODE_ENV=production\nPAYMENTS_API_KEY=sk_live_${key}\nPAYMENTS_MODE=live\n`;
      return { content, pieces: piecesOf(key) };
    }
    case 'database': {
      const password = random(source, 24);
      const content = `postgres://app:${password}@db-primary.internal:5432/production\n`;
      return { content, pieces: piecesOf(password) };
    }
  }
}
