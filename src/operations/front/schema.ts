import { Type } from 'typebox';
import { name, strict } from '../schema.ts';

export const MAX_PATH_CHARS = 1_024;

export const Port = (description: string) =>
  Type.Optional(Type.Integer({ description, minimum: 1, maximum: 65_535 }));

export const ServerName = Type.String({
  description: 'The name that people open, such as gate.example.org.',
  minLength: 1,
  maxLength: 253,
});

export const RecipeInput = strict({
  name: ServerName,
  port: Port("The gateway's port on 127.0.0.1; as measured when absent."),
});

export const TextOutput = strict({
  text: Type.String({ description: 'A whole file, or the commands and what to configure.' }),
});

/** A file, by a path that the other program reads it from. */
export const FilePath = (description: string) =>
  Type.Optional(Type.String({ description, minLength: 1, maxLength: MAX_PATH_CHARS }));

export const UnitName = Type.Optional(
  name('Name of the entry and of the unit; gatehouse-tunnel when absent.'),
);
