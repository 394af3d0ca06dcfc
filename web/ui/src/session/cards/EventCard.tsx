import { memo } from 'react';
import type { OutlineItem } from '~/api/types';
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
    default:
      return <OtherLine kind={item.kind} title={item.title} />;
  }
});

/** A kind of fact that a later server may tell of: what it is and what the outline says. */
function OtherLine({ kind, title }: { kind: string; title: string }) {
  return (
    <p>
      {kind.replaceAll('_', ' ')} {title}
    </p>
  );
}
