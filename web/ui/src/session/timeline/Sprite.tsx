import {
  Bot,
  BrainCircuit,
  CircleAlert,
  CirclePlay,
  CircleStop,
  Eye,
  FoldVertical,
  Info,
  Link2,
  type LucideIcon,
  MessageSquare,
  Plug,
  Server,
  Shield,
  Terminal,
  User,
  Wrench,
} from 'lucide-react';
import type { OutlineItem } from '~/api/types';
import { failed, type Kind, kindColour, kindOf } from '../model/kinds';

/** Of what happens around the conversation, each has a sign of its own. */
const AROUND = {
  session_end: CircleStop,
  subagent_start: Bot,
  subagent_stop: Bot,
  compaction: FoldVertical,
  error: CircleAlert,
} as const;
type Around = keyof typeof AROUND;

/** Signs that stand in every row. */
export type Sign = Kind | Around | 'eye' | 'link';

const SIGNS: Record<Sign, LucideIcon> = {
  prompt: User,
  completion: MessageSquare,
  reasoning: BrainCircuit,
  builtin: Wrench,
  mcp: Plug,
  cli: Terminal,
  model: Server,
  permission: Shield,
  span: CirclePlay,
  ...AROUND,
  other: Info,
  eye: Eye,
  link: Link2,
};

/** All signs once, for the rows to point to: to build each anew in each row is a third of the cost of scrolling. */
export function Sprite() {
  return (
    <svg width="0" height="0" aria-hidden className="visually-hidden">
      {Object.entries(SIGNS).map(([sign, Icon]) => (
        <symbol key={sign} id={`sign-${sign}`} viewBox="0 0 24 24">
          <Icon size={24} />
        </symbol>
      ))}
    </svg>
  );
}

/** A sign of the sprite, in the colour of its surroundings or in its own. */
export function SignIcon({ sign, size = 14, colour }: { sign: Sign; size?: number; colour?: string }) {
  return (
    <svg width={size} height={size} aria-hidden style={colour === undefined ? undefined : { color: colour }}>
      <use href={`#sign-${sign}`} />
    </svg>
  );
}

/** The sign of a kind, in its colour. */
export function KindIcon({ kind, size = 14 }: { kind: Kind; size?: number }) {
  return <SignIcon sign={kind} size={size} colour={kindColour(kind)} />;
}

/** The sign of an event, in the colour of its kind. */
export function EventIcon({ item }: { item: OutlineItem }) {
  const kind = kindOf(item);
  const colour = failed(item) && kind === 'other' ? 'var(--error)' : kindColour(kind);
  return <SignIcon sign={hasOwnSign(item.kind) ? item.kind : kind} colour={colour} />;
}

const hasOwnSign = (kind: OutlineItem['kind']): kind is Around => Object.hasOwn(AROUND, kind);
