import { Blocks, Cloud, FunctionSquare, type LucideIcon, SquareTerminal, Wrench } from 'lucide-react';
import type { OutlineItem } from '~/api/types';

/** How the calls of a kind of tool are told apart: an icon, a word and a colour. */
export interface Badge {
  Icon: LucideIcon;
  word: string;
  tone: 'builtin' | 'mcp' | 'cli';
}

export function badgeOf(tool: NonNullable<OutlineItem['tool']>): Badge {
  if (tool.type === 'mcp') {
    const names = [tool.mcp_server, tool.mcp_tool].filter((name) => name !== undefined && name !== null);
    return { Icon: Blocks, word: `MCP ${names.join(' · ')}`, tone: 'mcp' };
  }
  if (tool.program !== undefined)
    return { Icon: SquareTerminal, word: `command ${tool.program}`, tone: 'cli' };
  if (tool.type === 'server') return { Icon: Cloud, word: "provider's tool", tone: 'builtin' };
  if (tool.type === 'function') return { Icon: FunctionSquare, word: 'function', tone: 'builtin' };
  return { Icon: Wrench, word: 'built in', tone: 'builtin' };
}
