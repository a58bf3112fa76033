import type { Tool } from './define.ts';
import { editTool } from './edit.ts';
import { listTool } from './list.ts';
import { readTool } from './read.ts';
import { searchTool } from './search.ts';
import { shellTool } from './shell.ts';
import { createWebFetchTool, type InsideScript } from './web-fetch.ts';
import { writeTool } from './write.ts';

/** Every tool there is. What an agent may use of them is its playbook's to say. */
export function createTools(insideScript: InsideScript): readonly Tool[] {
  return Object.freeze([
    shellTool,
    readTool,
    writeTool,
    editTool,
    listTool,
    searchTool,
    createWebFetchTool(insideScript),
  ]);
}
