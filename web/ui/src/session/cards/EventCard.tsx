import { memo } from 'react';
import type { OutlineItem } from '~/api/types';
import { SafeInline } from '~/content/SafeText';
import styles from './cards.module.css';
import { ModelCallLine } from './ModelCallLine';
import { CompletionCard, PromptCard, ReasoningCard } from './TextCards';
import { ToolCard } from './ToolCard';
import type { ClippedEvent } from './types';

export interface EventCardProps {
  /** What the outline knows: always there. */
  item: OutlineItem;
  /** The event itself, once it is loaded. */
  event: ClippedEvent | undefined;
  expanded: boolean;
  onToggle: () => void;
  /** Opens "what the model saw" of a model call. */
  onOpenContext?: (eventId: string) => void;
  /** Words to mark. */
  find?: string;
}

/** The body of one fact of a session. */
export const EventCard = memo(function EventCard(props: EventCardProps) {
  const { item, event, expanded, onToggle, onOpenContext, find } = props;
  const text = { item, expanded, onToggle, find };
  switch (item.kind) {
    case 'prompt':
      return <PromptCard {...text} event={event?.kind === 'prompt' ? event : undefined} />;
    case 'completion':
      return <CompletionCard {...text} event={event?.kind === 'completion' ? event : undefined} />;
    case 'reasoning':
      return <ReasoningCard {...text} event={event?.kind === 'reasoning' ? event : undefined} />;
    case 'tool_call':
      return <ToolCard {...text} event={event?.kind === 'tool_call' ? event : undefined} />;
    case 'model_call':
      return (
        <ModelCallLine
          item={item}
          event={event?.kind === 'model_call' ? event : undefined}
          onOpenContext={onOpenContext}
        />
      );
    case 'session_start':
    case 'session_end':
    case 'permission':
    case 'subagent_start':
    case 'subagent_stop':
    case 'compaction':
    case 'error':
    case 'notice':
      return <OtherLine kind={item.kind} title={item.title} find={find} />;
  }
});

/** What happened around the conversation: what it is and what the outline says of it, in one quiet line. */
function OtherLine({ kind, title, find }: { kind: string; title: string; find: string | undefined }) {
  return (
    <p className={kind === 'error' ? styles.failed : styles.quiet}>
      {kind.replaceAll('_', ' ')} <SafeInline text={title} find={find} />
    </p>
  );
}
