import type { OutlineItem } from '~/api/types';
import { Markdown } from '~/content/Markdown';
import { SafeText } from '~/content/SafeText';
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
export function EventCard({ item, event, expanded, onToggle, onOpenContext, find }: EventCardProps) {
  const marks = find === undefined ? {} : { find };
  return (
    <div>
      <button type="button" className="button" aria-expanded={expanded} onClick={onToggle}>
        {item.tool?.name ?? item.kind}
      </button>
      {item.kind === 'model_call' && onOpenContext && (
        <button type="button" className="button" onClick={() => onOpenContext(item.id)}>
          What the model saw
        </button>
      )}
      {event?.kind === 'completion' ? (
        <Markdown text={event.text} {...marks} />
      ) : (
        <SafeText text={event?.kind === 'prompt' ? event.text : item.title} {...marks} />
      )}
    </div>
  );
}
