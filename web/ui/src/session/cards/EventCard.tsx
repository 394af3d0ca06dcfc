import { memo } from 'react';
import type { OutlineItem } from '~/api/types';
import { NoticeLine, PermissionCard, SpanLine } from './AroundCards';
import { ModelCallLine } from './ModelCallLine';
import { CompletionCard, PromptCard, ReasoningCard } from './TextCards';
import { ToolCard } from './ToolCard';
import type { ClippedEvent } from './types';

export interface EventCardProps {
  /** What the outline knows: always there. */
  item: OutlineItem;
  /** Of a tool call: the permission that was asked for it. */
  permission?: OutlineItem | undefined;
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
  const { item, event, permission, expanded, onToggle, onOpenContext, find } = props;
  const text = { item, expanded, onToggle, find };
  switch (item.kind) {
    case 'prompt':
      return <PromptCard {...text} event={event?.kind === 'prompt' ? event : undefined} />;
    case 'completion':
      return <CompletionCard {...text} event={event?.kind === 'completion' ? event : undefined} />;
    case 'reasoning':
      return <ReasoningCard {...text} event={event?.kind === 'reasoning' ? event : undefined} />;
    case 'tool_call':
      return (
        <ToolCard {...text} event={event?.kind === 'tool_call' ? event : undefined} permission={permission} />
      );
    case 'model_call':
      return (
        <ModelCallLine
          item={item}
          event={event?.kind === 'model_call' ? event : undefined}
          onOpenContext={onOpenContext}
        />
      );
    case 'permission':
      return <PermissionCard {...text} event={event?.kind === 'permission' ? event : undefined} />;
    case 'error':
    case 'notice':
      return (
        <NoticeLine
          {...text}
          event={event?.kind === 'notice' || event?.kind === 'error' ? event : undefined}
        />
      );
    case 'session_start':
    case 'session_end':
    case 'subagent_start':
    case 'subagent_stop':
    case 'compaction':
      return <SpanLine item={item} find={find} />;
  }
});
