import type { MatcherName } from './action.ts';

/** Whether `value` is what the pattern names. Unknown pattern forms match nothing: absence denies. */
export function matches(matcher: MatcherName, pattern: string, value: string): boolean {
  if (pattern === '*') return true;
  switch (matcher) {
    case 'exact':
      return pattern === value;
    case 'host':
      return matchesHost(pattern, value);
    case 'path':
      return matchesPath(pattern, value);
    case 'command':
      return matchesCommand(pattern, value);
  }
}

/**
 * `*.example.org` stands for exactly one label before the suffix: never the apex, never two labels, never an
 * address literal (attack 11; the same reading as RFC 6125 section 6.4.3).
 */
function matchesHost(pattern: string, host: string): boolean {
  if (!pattern.startsWith('*.')) return pattern === host;
  const suffix = pattern.slice(1);
  if (!host.endsWith(suffix)) return false;
  const label = host.slice(0, host.length - suffix.length);
  return label.length > 0 && !label.includes('.') && !label.includes(':') && !label.startsWith('[');
}

/** `/data/**` is /data and everything below it; anything else is that one path. Both sides are normalised. */
function matchesPath(pattern: string, path: string): boolean {
  if (!pattern.endsWith('/**')) return pattern === path;
  const root = pattern.slice(0, -3);
  return path === root || path.startsWith(`${root}/`);
}

/**
 * `git status` matches argv that begins with those words, word by word; `git status $` matches that argv and
 * nothing longer. A word is compared whole, so `git stat` or `gitx` never match.
 */
function matchesCommand(pattern: string, command: string): boolean {
  if (pattern.endsWith(' $')) return command === pattern.slice(0, -2);
  return command === pattern || command.startsWith(`${pattern} `);
}
