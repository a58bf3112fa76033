import type { GatehouseError } from '../../../kernel/index.ts';
import { HTTP_CODES } from '../codes.ts';

export type Fields = Readonly<Record<string, unknown>>;

/** A mistake in one parameter, which OpenAI's clients show by name. */
export function paramError(param: string, message: string): GatehouseError {
  return HTTP_CODES.error('HTTP_FIELD_INVALID', `${param}: ${message}`, { details: { param } });
}

export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** @throws HTTP_FIELD_INVALID unless the field is a string or absent */
export function optionalText(body: Fields, name: string): string | undefined {
  const value = body[name] ?? undefined;
  if (value === undefined || typeof value === 'string') return value;
  throw paramError(name, 'must be a string');
}

/** Absent is false. @throws HTTP_FIELD_INVALID unless the field is a boolean or absent */
export function optionalBoolean(body: Fields, name: string): boolean {
  const value = body[name] ?? false;
  if (typeof value === 'boolean') return value;
  throw paramError(name, 'must be true or false');
}
