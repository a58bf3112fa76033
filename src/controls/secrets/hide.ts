import type { Credential, Detector } from './detector/types.ts';

/** What people, models, memory and records see where a credential was. */
export const CREDENTIAL_REMOVED = '[secret removed]';

/** The text with every credential replaced; the same string when there is none. */
export function hideCredentials(detector: Detector, text: string): string {
  return replaced(text, detector.find(text), () => CREDENTIAL_REMOVED);
}

export function replaced(
  text: string,
  found: readonly Credential[],
  by: (value: string, credential: Credential) => string,
): string {
  if (found.length === 0) return text;
  let result = '';
  let at = 0;
  for (const credential of found) {
    result += text.slice(at, credential.start) + by(text.slice(credential.start, credential.end), credential);
    at = credential.end;
  }
  return result + text.slice(at);
}
