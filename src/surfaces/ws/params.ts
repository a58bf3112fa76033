import { WS_CODES } from './codes.ts';

type Params = Readonly<Record<string, unknown>>;

function wrong(name: string, wanted: string): never {
  throw WS_CODES.error('WS_PARAMS_INVALID', `${name}: must be ${wanted}`);
}

/** A required, non-empty string. @throws WS_PARAMS_INVALID naming the field */
export function text(params: Params, name: string): string {
  const value = params[name];
  return typeof value === 'string' && value.length > 0 ? value : wrong(name, 'a non-empty string');
}

export function optionalText(params: Params, name: string): string | undefined {
  const value = params[name];
  if (value === undefined || value === null || value === '') return undefined;
  return typeof value === 'string' ? value : wrong(name, 'a string');
}

/** A whole number inside the bounds; larger values are cut to the bound, as clients ask for "all" that way. */
export function optionalNumber(params: Params, name: string, min: number, max: number): number | undefined {
  const value = params[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'number' || !Number.isFinite(value) || value < min)
    wrong(name, `a number from ${min}`);
  return Math.min(max, Math.floor(value));
}

export function optionalFlag(params: Params, name: string): boolean | undefined {
  const value = params[name];
  if (value === undefined || value === null) return undefined;
  return typeof value === 'boolean' ? value : wrong(name, 'true or false');
}

/** `{ key: value }` without the keys that are undefined. */
export function defined<T extends Record<string, unknown>>(
  values: T,
): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as never;
}
