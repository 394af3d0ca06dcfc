import { BrainCircuit, MessageSquare, Plug, Server, Terminal, User, Wrench } from 'lucide-react';
import type { Kind } from '../model/kinds';

const ICONS = {
  prompt: User,
  completion: MessageSquare,
  reasoning: BrainCircuit,
  builtin: Wrench,
  mcp: Plug,
  cli: Terminal,
  model: Server,
} as const;

/** The sign of a kind, in its colour. */
export function KindIcon({ kind, size = 14 }: { kind: Kind; size?: number }) {
  const Icon = ICONS[kind];
  return <Icon size={size} color={`var(--${kind})`} aria-hidden />;
}
